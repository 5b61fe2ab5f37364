// What it takes to make one node's definitions those of another, without losing what only this node has: removals
// first, from the leaves to the roots, then additions from the roots to the leaves, so that each change finds what
// it hangs on.
import { definitionKey } from './definition-key.ts';
import type {
  Definition,
  DefinitionChange,
  DefinitionKey,
  DefinitionKind,
  StoredDefinition,
} from './definitions-store.ts';

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

/** From the roots to the leaves. */
export function inOrder(definitions: Definition[]): Definition[] {
  return [...definitions].sort((left, right) => rank(left.kind) - rank(right.kind));
}

export interface Reconciliation {
  changes: DefinitionChange[];
  /** What stays although it is not wanted: promised here alone, or a queue that holds messages. */
  kept: Definition[];
  /** Queues that are wanted otherwise than they are and cannot be replaced: they hold messages. */
  differing: Definition[];
}

export function reconcile(
  current: StoredDefinition[],
  wanted: Definition[],
  holdsMessages: (queue: Definition) => boolean,
): Reconciliation {
  const mine = new Map(current.map((stored) => [definitionKey(stored.definition), stored]));
  const theirs = new Map(wanted.map((definition) => [definitionKey(definition), definition]));
  const extra = current.filter(({ definition }) => !theirs.has(definitionKey(definition)));
  const kept = keptOf(extra, mine, theirs, holdsMessages);
  const differing: Definition[] = [];
  const replaced: Definition[] = [];
  const puts: Definition[] = [];
  for (const [key, definition] of theirs) {
    const existing = mine.get(key)?.definition;
    if (existing && shapeOf(existing) === shapeOf(definition)) continue;
    if (existing && isDeclaredOnce(existing)) {
      if (holdsMessages(existing)) {
        differing.push(existing);
        continue;
      }
      replaced.push(existing);
    }
    puts.push(definition);
  }
  const removed = extra
    .filter(({ definition }) => !kept.has(definitionKey(definition)))
    .map(({ definition }) => definition);
  // Their bindings go with what is replaced, and are wanted all the same.
  const rebound = [...theirs.values(), ...kept.values()].filter(
    (definition) => !puts.includes(definition) && replaced.some((gone) => hangsOn(definition, gone)),
  );
  return {
    changes: [
      ...inOrder([...removed, ...replaced])
        .reverse()
        .map(removal),
      ...inOrder([...puts, ...rebound]).map((definition): DefinitionChange => ({ op: 'put', definition })),
    ],
    kept: [...kept.values()],
    differing,
  };
}

/** Of what only this node has, what it may not lose; each with what it hangs on. */
function keptOf(
  extra: StoredDefinition[],
  mine: Map<DefinitionKey, StoredDefinition>,
  theirs: Map<DefinitionKey, Definition>,
  holdsMessages: (queue: Definition) => boolean,
): Map<DefinitionKey, Definition> {
  const kept = new Map<DefinitionKey, Definition>();
  const keep = (definition: Definition) => void kept.set(definitionKey(definition), definition);
  for (const { definition } of extra)
    if (definition.kind === 'queue' && holdsMessages(definition)) {
      keep(definition);
      for (const key of rootsOf(definition)) if (!theirs.has(key)) keep(mine.get(key)!.definition);
    }
  const alone = extra.filter((stored) => stored.alone !== null).map(({ definition }) => definition);
  for (const definition of inOrder(alone))
    if (rootsOf(definition).every((key) => theirs.has(key) || kept.has(key))) keep(definition);
  return kept;
}

/** A queue or an exchange cannot be changed, only declared anew. */
function isDeclaredOnce({ kind }: Definition): boolean {
  return kind === 'queue' || kind === 'exchange';
}

/** The keys of what a definition cannot be without. */
function rootsOf({ kind, body }: Definition): DefinitionKey[] {
  const vhost = (name: string) => JSON.stringify(['vhost', name]);
  switch (kind) {
    case 'vhost':
    case 'user':
    case 'global-parameter':
      return [];
    case 'permission':
    case 'topic-permission':
      return [vhost(body.vhost), JSON.stringify(['user', body.user])];
    case 'exchange':
    case 'queue':
    case 'policy':
    case 'parameter':
      return [vhost(body.vhost)];
    case 'binding':
      return [
        vhost(body.vhost),
        ...endOf(body.vhost, 'exchange', body.source),
        ...endOf(body.vhost, body.destinationType, body.destination),
      ];
  }
}

/** Predeclared exchanges are not stored. */
function endOf(vhost: string, kind: 'exchange' | 'queue', name: string): DefinitionKey[] {
  if (kind === 'exchange' && (name === '' || name.startsWith('amq.'))) return [];
  return [JSON.stringify([kind, vhost, name])];
}

function hangsOn(definition: Definition, root: Definition): boolean {
  return definition.kind === 'binding' && rootsOf(definition).includes(definitionKey(root));
}

/** The highest number of a change that no peer is known to have, 0 when there is none. */
export function lastAlone(stored: StoredDefinition[]): number {
  return stored.reduce((highest, { alone }) => Math.max(highest, alone ?? 0), 0);
}

function removal(definition: Definition): DefinitionChange {
  return { op: 'remove', kind: definition.kind, key: definitionKey(definition) };
}

/** A queue's id belongs to its node and says nothing about whether two nodes agree. */
export function shapeOf({ kind, body }: Definition): string {
  const compared: Record<string, unknown> = kind === 'queue' ? { ...body, id: 0 } : { ...body };
  return JSON.stringify(Object.entries(compared).sort(([left], [right]) => (left < right ? -1 : 1)));
}
