// Definitions on disk (R16): what was promised is there again, a torn last line is cut, other damage is refused.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { definitionKey } from '../../broker/definitions/definition-key.ts';
import type { Definition } from '../../broker/definitions/definitions-store.ts';
import { DiscStore } from '../../broker/definitions/disc-store.ts';

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
    expect(loaded).toContainEqual({ definition: queue('a.b$c', 3), alone: null });
    await again.close();
  });

  test('a torn last line is cut', async () => {
    const store = new DiscStore(path);
    await store.load();
    await store.put(vhost('/'));
    await store.close();
    appendFileSync(path, '{"_id":"[\\"queue\\"","kind":"que');
    const again = new DiscStore(path);
    expect(await again.load()).toEqual([{ definition: vhost('/'), alone: null }]);
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

  test('R16: what is promised alone is marked, through a restart, until a peer has it', async () => {
    const marks = async (of: DiscStore) =>
      (await of.entries()).map(
        ({ definition, alone }) => `${(definition.body as { name: string }).name} ${alone}`,
      );
    const store = new DiscStore(path);
    await store.load();
    await store.put(vhost('first'), 1);
    await store.put(vhost('sent'), 2);
    await store.put(vhost('changed since'), 4);
    await store.put(vhost('peer'));
    await store.settleOne(definitionKey(vhost('sent')), 2);
    await store.settleOne(definitionKey(vhost('changed since')), 3);
    await store.close();
    const again = new DiscStore(path);
    await again.load();
    expect((await marks(again)).sort()).toEqual(['changed since 4', 'first 1', 'peer null', 'sent null']);
    await again.settle(3);
    await again.close();
    const settled = new DiscStore(path);
    await settled.load();
    expect((await marks(settled)).sort()).toEqual([
      'changed since 4',
      'first null',
      'peer null',
      'sent null',
    ]);
    await settled.close();
  });
});
