// What a definitions file holds, before it is imported.
export type DefinitionsFile = Record<string, unknown>;

const kinds: [string, string][] = [
  ['vhosts', 'Virtual hosts'],
  ['users', 'Users'],
  ['permissions', 'Permissions'],
  ['topic_permissions', 'Topic permissions'],
  ['policies', 'Policies'],
  ['exchanges', 'Exchanges'],
  ['queues', 'Queues'],
  ['bindings', 'Bindings'],
];

/** What Warren knows of it, in the order in which it is declared. */
export function summaryOf(definitions: DefinitionsFile): { label: string; count: number }[] {
  return kinds.flatMap(([key, label]) => {
    const list = definitions[key];
    return Array.isArray(list) && list.length > 0 ? [{ label, count: list.length }] : [];
  });
}

/** Names of sections that hold something Warren does nothing with. */
export function unknownIn(definitions: DefinitionsFile): string[] {
  const known = new Set(kinds.map(([key]) => key));
  return Object.entries(definitions)
    .filter(([key, value]) => !known.has(key) && Array.isArray(value) && value.length > 0)
    .map(([key]) => key);
}

/** Throws with a text for the user. */
export function parseDefinitions(text: string): DefinitionsFile {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Error('it holds no object');
  return parsed as DefinitionsFile;
}
