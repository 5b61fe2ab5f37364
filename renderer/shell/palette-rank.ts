// What the palette lists first: names that begin with the text, then names whose words do, then the rest that
// hold its letters in order.
export interface Entry {
  /** The heading it is listed under. */
  group: string;
  label: string;
  /** A quiet word beside it, such as the kind of object. */
  kind: string;
  run: () => void;
}

export function rank(entries: Entry[], text: string): Entry[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return entries;
  return entries
    .map((entry) => ({ entry, score: scoreOf(entry.label.toLowerCase(), wanted) }))
    .filter(({ score }) => score > 0)
    .sort((left, right) => right.score - left.score)
    .map(({ entry }) => entry);
}

/** In the order in which the groups first come. */
export function grouped(entries: Entry[]): { group: string; entries: Entry[] }[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) groups.set(entry.group, [...(groups.get(entry.group) ?? []), entry]);
  return [...groups].map(([group, members]) => ({ group, entries: members }));
}

function scoreOf(label: string, wanted: string): number {
  if (label === wanted) return 5;
  if (label.startsWith(wanted)) return 4;
  if (label.split(/[\s._:/-]+/).some((word) => word.startsWith(wanted))) return 3;
  if (label.includes(wanted)) return 2;
  let from = 0;
  for (const letter of wanted) {
    const at = label.indexOf(letter, from);
    if (at < 0) return 0;
    from = at + 1;
  }
  return 1;
}
