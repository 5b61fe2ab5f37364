// Becoming like another node without losing what only this one has (R11, R16, R18).
import { describe, expect, test } from 'vitest';
import { definitionKey } from '../../broker/definitions/definition-key.ts';
import type { Definition, StoredDefinition } from '../../broker/definitions/definitions-store.ts';
import { reconcile } from '../../broker/definitions/reconcile.ts';

const noArguments = 'AAAAAA==';
const vhost = (name: string): Definition => ({
  kind: 'vhost',
  body: { name, description: '', tags: [], tracing: false },
});
const queue = (name: string, id: number, vhostName = '/', autoDelete = false): Definition => ({
  kind: 'queue',
  body: { vhost: vhostName, name, id, autoDelete, arguments: noArguments },
});
const exchange = (name: string, type: string): Definition => ({
  kind: 'exchange',
  body: { vhost: '/', name, type, autoDelete: false, internal: false, arguments: noArguments },
});
const binding = (source: string, destination: string): Definition => ({
  kind: 'binding',
  body: {
    vhost: '/',
    source,
    destination,
    destinationType: 'queue',
    routingKey: 'k',
    arguments: noArguments,
  },
});
const policy = (definition: Record<string, number>): Definition => ({
  kind: 'policy',
  body: { vhost: '/', name: 'p', pattern: '', applyTo: 'all', priority: 0, definition, operator: false },
});
const user = (name: string): Definition => ({
  kind: 'user',
  body: { name, passwordHash: '', hashingAlgorithm: '', tags: [] },
});
const permission = (name: string, of: string): Definition => ({
  kind: 'permission',
  body: { user: name, vhost: of, configure: '', write: '', read: '' },
});

const stored = (definitions: Definition[], alone: number | null = null): StoredDefinition[] =>
  definitions.map((definition) => ({ definition, alone }));
const none = () => false;

function changes(mine: StoredDefinition[], theirs: Definition[], holds = none as (d: Definition) => boolean) {
  return reconcile(mine, theirs, holds).changes.map((change) =>
    change.op === 'put' ? `+ ${definitionKey(change.definition)}` : `- ${change.key}`,
  );
}
const put = (definition: Definition) => `+ ${definitionKey(definition)}`;
const gone = (definition: Definition) => `- ${definitionKey(definition)}`;

describe('R11 R16: reconciling two nodes', () => {
  test('takes the fewest changes, removals from the leaves, additions from the roots', () => {
    const mine = stored([vhost('/'), vhost('old'), queue('same', 1), queue('extra', 2)]);
    const theirs = [queue('more', 5), vhost('/'), vhost('new'), queue('same', 99)];
    expect(changes(mine, theirs)).toEqual([
      gone(queue('extra', 2)),
      gone(vhost('old')),
      put(vhost('new')),
      put(queue('more', 5)),
    ]);
  });

  test('sees a difference deep inside, and none in the order of fields', () => {
    const mine = stored([vhost('/'), policy({ 'max-length': 1 })]);
    expect(changes(mine, [vhost('/'), policy({ 'max-length': 2 })])).toEqual([put(policy({}))]);
    const { body } = vhost('/');
    const turned = Object.fromEntries(Object.entries(body).reverse()) as typeof body;
    expect(
      changes(mine, [{ kind: 'vhost', body: turned } as Definition, policy({ 'max-length': 1 })]),
    ).toEqual([]);
  });

  test('an exchange of another type is declared anew, and its bindings with it', () => {
    const same = [vhost('/'), queue('q', 1), queue('r', 2), binding('x', 'q'), binding('amq.direct', 'r')];
    expect(changes(stored([...same, exchange('x', 'direct')]), [...same, exchange('x', 'fanout')])).toEqual([
      gone(exchange('x', '')),
      put(exchange('x', '')),
      put(binding('x', 'q')),
    ]);
  });

  test('what was promised alone stays and is given to the other, if what it hangs on is there', () => {
    const alone = [exchange('x', 'topic'), queue('q', 1), binding('x', 'q'), queue('lost', 3, 'deleted')];
    const { changes: made, kept } = reconcile(
      [...stored([vhost('/'), vhost('deleted'), queue('old', 2)]), ...stored(alone, 1)],
      [vhost('/')],
      none,
    );
    expect(kept).toEqual(alone.slice(0, 3));
    expect(made.map((change) => change.op === 'remove' && change.key)).toEqual([
      definitionKey(queue('lost', 3, 'deleted')),
      definitionKey(queue('old', 2)),
      definitionKey(vhost('deleted')),
    ]);
  });

  test('a permission promised alone for a user that was deleted is not kept', () => {
    const mine = [...stored([vhost('/'), user('u')]), ...stored([permission('u', '/')], 1)];
    expect(reconcile(mine, [vhost('/')], none).kept).toEqual([]);
  });

  test('R18: a queue that holds messages is never removed, nor its virtual host', () => {
    const full = queue('full', 1, 'v');
    const holds = (definition: Definition) => definitionKey(definition) === definitionKey(full);
    const { changes: made, kept } = reconcile(stored([vhost('/'), vhost('v'), full]), [vhost('/')], holds);
    expect(made).toEqual([]);
    expect(kept).toEqual([full, vhost('v')]);
  });

  test('R18: nor is it replaced by another of the same name', () => {
    const holds = ({ kind }: Definition) => kind === 'queue';
    const mine = stored([vhost('/'), queue('q', 1)]);
    const theirs = [vhost('/'), queue('q', 1, '/', true)];
    expect(reconcile(mine, theirs, holds)).toEqual({ changes: [], kept: [], differing: [queue('q', 1)] });
    expect(changes(mine, theirs)).toEqual([gone(queue('q', 1)), put(queue('q', 1))]);
  });
});
