// Definitions on disk (R16): what was promised is there again, a torn last line is cut, other damage is refused.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { definitionKey } from '../../broker/definitions/definition-key.ts';
import type { Definition } from '../../broker/definitions/definitions-store.ts';
import { DiscStore } from '../../broker/definitions/disc-store.ts';
import { changesBetween } from '../../broker/definitions/reconcile.ts';

const vhost = (name: string): Definition => ({
  kind: 'vhost',
  body: { name, description: '', tags: [], tracing: false },
});
const queue = (name: string, id: number): Definition => ({
  kind: 'queue',
  body: { vhost: '/', name, id, autoDelete: false, arguments: 'AAAAAA==' },
});
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'warren-definitions-'));
  path = join(folder, 'definitions.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('R16 R21: the definitions store', () => {
  test('puts, changes and removals last', async () => {
    const store = new DiscStore(path);
    expect(await store.load()).toEqual([]);
    await Promise.all([store.put(vhost('/')), store.put(queue('a.b$c', 1)), store.put(queue('gone', 2))]);
    await store.put(queue('a.b$c', 3));
    await store.remove('queue', definitionKey(queue('gone', 2)));
    await store.close();
    const again = new DiscStore(path);
    const loaded = await again.load();
    expect(loaded).toHaveLength(2);
    expect(loaded).toContainEqual(queue('a.b$c', 3));
    await again.close();
  });

  test('a torn last line is cut', async () => {
    const store = new DiscStore(path);
    await store.load();
    await store.put(vhost('/'));
    await store.close();
    appendFileSync(path, '{"_id":"[\\"queue\\"","kind":"que');
    const again = new DiscStore(path);
    expect(await again.load()).toEqual([vhost('/')]);
    await again.close();
  });

  test('damage before the last line is refused, not dropped', async () => {
    const store = new DiscStore(path);
    await store.load();
    for (let i = 0; i < 5; i++) await store.put(queue(`q${i}`, i));
    await store.close();
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[2] = lines[2]!.slice(0, 20);
    writeFileSync(path, lines.join('\n'));
    await expect(new DiscStore(path).load()).rejects.toThrow();
  });

  test('reconciling takes the fewest changes, roots first and leaves last', () => {
    const mine = [vhost('/'), vhost('old'), queue('same', 1), queue('extra', 2)];
    const theirs = [vhost('/'), vhost('new'), queue('same', 99), queue('more', 5)];
    expect(
      changesBetween(mine, theirs).map((change) => [
        change.op,
        change.op === 'put' ? definitionKey(change.definition) : change.key,
      ]),
    ).toEqual([
      ['remove', definitionKey(queue('extra', 2))],
      ['remove', definitionKey(vhost('old'))],
      ['put', definitionKey(vhost('new'))],
      ['put', definitionKey(queue('more', 5))],
    ]);
  });
});
