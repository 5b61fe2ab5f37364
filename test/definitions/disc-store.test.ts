// Definitions on disk (R16): what was promised is there again, a torn last line is cut, other damage is refused.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Datastore from '@seald-io/nedb';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { definitionKey } from '../../broker/definitions/definition-key.ts';
import type { Definition } from '../../broker/definitions/definitions-store.ts';
import { DiscStore } from '../../broker/definitions/disc-store.ts';
import { MemoryStore } from '../../broker/definitions/memory-store.ts';

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

  test('R16: what many ask for at once is written together', async () => {
    const appends = vi.spyOn(Datastore.prototype, 'insertAsync');
    const store = new DiscStore(path);
    await store.load();
    await Promise.all(Array.from({ length: 100 }, (_, id) => store.put(queue(`q${id}`, id))));
    expect(appends.mock.calls.length).toBeLessThanOrEqual(2);
    appends.mockRestore();
    await store.close();
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(100);
  });

  test('R16: an append that failed halfway damages nothing that comes after it', async () => {
    const store = new DiscStore(path);
    await store.load();
    await store.put(vhost('before'));
    const append = vi.spyOn(Datastore.prototype, 'insertAsync').mockImplementationOnce(() => {
      appendFileSync(path, '{"_id":"[\\"vhost\\"');
      return Promise.reject(new Error('no space left on device'));
    });
    await expect(store.put(vhost('failed'))).rejects.toThrow('no space');
    append.mockRestore();
    await store.put(vhost('after'));
    await store.close();
    const again = new DiscStore(path);
    const names = (await again.load()).map(({ definition }) => (definition.body as { name: string }).name);
    expect(names.sort()).toEqual(['after', 'before']);
    await again.close();
  });

  test('whatever is asked for, and however fast, it holds what a store in memory would', async () => {
    const name = fc.constantFrom('a', 'b');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ put: name, alone: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ remove: name }) },
      { weight: 2, arbitrary: fc.record({ settleOne: name, back: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ settle: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.constant('wait' as const) },
    );
    const run = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      rmSync(path, { force: true });
      const [disc, memory] = [new DiscStore(path), new MemoryStore()];
      await disc.load();
      const asked: Promise<void>[] = [];
      for (const [number, each] of steps.entries()) {
        for (const store of [disc, memory]) {
          if (each === 'wait') await Promise.all(asked);
          else if ('put' in each) asked.push(store.put(queue(each.put, number), each.alone ? number : null));
          else if ('remove' in each) asked.push(store.remove('queue', definitionKey(queue(each.remove, 0))));
          else if ('settleOne' in each)
            asked.push(store.settleOne(definitionKey(queue(each.settleOne, 0)), number - each.back));
          else asked.push(store.settle(number - each.settle));
        }
      }
      const inOrder = async (store: DiscStore | MemoryStore) =>
        (await store.entries()).sort((a, b) =>
          definitionKey(a.definition) < definitionKey(b.definition) ? -1 : 1,
        );
      const expected = await inOrder(memory);
      expect(await inOrder(disc)).toEqual(expected);
      await Promise.all(asked);
      await disc.close();
      const again = new DiscStore(path);
      await again.load();
      expect(await inOrder(again)).toEqual(expected);
      await again.close();
    });
    await fc.assert(run, { numRuns: 200 });
  });
});
