// What it takes to make one set of definitions the other: removals first, from the leaves to the roots, then
// additions from the roots to the leaves, so that each change finds what it hangs on.
import { definitionKey } from './definition-key.ts';
import type { Definition, DefinitionChange, DefinitionKind } from './definitions-store.ts';

const order: DefinitionKind[] = [
  'vhost',
  'user',
  'permission',
  'topic-permission',
  'global-parameter',
  'parameter',
  'policy',
  'exchange',
  'queue',
  'binding',
];

const rank = (kind: DefinitionKind) => order.indexOf(kind);

export function changesBetween(current: Definition[], wanted: Definition[]): DefinitionChange[] {
  const mine = new Map(current.map((definition) => [definitionKey(definition), definition]));
  const theirs = new Map(wanted.map((definition) => [definitionKey(definition), definition]));
  const removals = [...mine]
    .filter(([key]) => !theirs.has(key))
    .sort(([, left], [, right]) => rank(right.kind) - rank(left.kind))
    .map(([key, { kind }]): DefinitionChange => ({ op: 'remove', kind, key }));
  const puts = [...theirs]
    .filter(([key, definition]) => {
      const existing = mine.get(key);
      return !existing || shape(existing) !== shape(definition);
    })
    .sort(([, left], [, right]) => rank(left.kind) - rank(right.kind))
    .map(([, definition]): DefinitionChange => ({ op: 'put', definition }));
  return [...removals, ...puts];
}

/** A queue's id belongs to its node and says nothing about whether two nodes agree. */
function shape({ kind, body }: Definition): string {
  const compared = kind === 'queue' ? { ...body, id: 0 } : body;
  return JSON.stringify(compared, Object.keys(compared).sort());
}
