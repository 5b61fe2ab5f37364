// The link that keeps two nodes' definitions the same (R11, R16), over real sockets: promises, snapshots, crossing
// changes, losses, and what was promised by one node alone.
import { afterEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../broker/base/log.ts';
import { osClock } from '../../broker/base/os-clock.ts';
import { osNetwork } from '../../broker/base/os-network.ts';
import { definitionKey } from '../../broker/definitions/definition-key.ts';
import type { Definition, DefinitionChange } from '../../broker/definitions/definitions-store.ts';
import { MemoryStore } from '../../broker/definitions/memory-store.ts';
import { shapeOf } from '../../broker/definitions/reconcile.ts';
import { DefinitionLog } from '../../broker/node/definition-log.ts';
import type { PeerDefinitions } from '../../broker/pair/peer-definitions.ts';
import { PeerSender } from '../../broker/pair/peer-sender.ts';
import { PeerServer } from '../../broker/pair/peer-server.ts';

const vhost = (name: string, description = ''): Definition => ({
  kind: 'vhost',
  body: { name, description, tags: [], tracing: false },
});
const queue = (name: string, autoDelete = false): Definition => ({
  kind: 'queue',
  body: { vhost: '/', name, id: 0, autoDelete, arguments: 'AAAAAA==' },
});

const nodes: LinkedNode[] = [];
afterEach(() => {
  for (const node of nodes.splice(0)) node.stop();
});

/** A node's definitions without the rest of a node. */
class LinkedNode {
  readonly store = new MemoryStore();
  readonly log = new DefinitionLog(this.store);
  readonly server: PeerServer;
  sender: PeerSender | null = null;
  serving = false;
  inSync = false;
  /** Names of queues that hold messages. */
  readonly full = new Set<string>();
  /** Held back: what the peer sends waits for it. */
  gate: Promise<void> = Promise.resolve();
  refuses: string | null = null;
  port = 0;
  readonly definitions: PeerDefinitions;

  constructor() {
    this.definitions = {
      entries: () => this.log.entries(),
      apply: (change) => this.#apply(change),
      contradicts: (change) => change.op === 'put' && this.#contradicts(change.definition),
      holdsMessages: ({ kind, body }) => kind === 'queue' && this.full.has(body.name),
      settle: (upTo) => this.log.settle(upTo),
      setSender: (sender) => (this.log.peer = sender),
      serves: () => this.serving,
    };
    this.server = new PeerServer({
      clock: osClock,
      network: osNetwork,
      definitions: this.definitions,
      log: silentLog,
      events: {
        contended: (change) => this.sender?.contended(change),
        askedForSnapshot: () => this.sender?.resync(),
        drain: () => undefined,
      },
    });
    nodes.push(this);
  }

  static async start(): Promise<LinkedNode> {
    const node = new LinkedNode();
    node.port = await node.server.listen();
    return node;
  }

  follow(peer: LinkedNode, authoritative: boolean): void {
    this.sender?.close();
    this.sender = new PeerSender({
      clock: osClock,
      network: osNetwork,
      address: { host: '127.0.0.1', port: peer.port, token: peer.server.token },
      authoritative,
      definitions: this.definitions,
      log: silentLog,
      inSync: (inSync) => (this.inSync = inSync),
    });
  }

  put(...definitions: Definition[]): Promise<void[]> {
    return Promise.all(definitions.map((definition) => this.log.commit({ op: 'put', definition }, 'local')));
  }

  remove(definition: Definition): Promise<void> {
    return this.log.commit({ op: 'remove', kind: definition.kind, key: definitionKey(definition) }, 'local');
  }

  async has(): Promise<string[]> {
    return (await this.log.entries()).map(({ definition }) => shapeOf(definition)).sort();
  }

  async alone(): Promise<number> {
    return (await this.log.entries()).filter(({ alone }) => alone !== null).length;
  }

  stop(): void {
    this.sender?.close();
    this.server.close();
  }

  async #apply(change: DefinitionChange): Promise<void> {
    await this.gate;
    const key = change.op === 'put' ? definitionKey(change.definition) : change.key;
    if (this.refuses !== null && key.includes(this.refuses)) throw new Error('the disk is full');
    await this.log.commit(change, 'peer');
  }

  #contradicts(definition: Definition): boolean {
    const existing = this.store.peek(definitionKey(definition));
    return definition.kind === 'queue' && existing !== undefined && shapeOf(existing) !== shapeOf(definition);
  }
}

/** `active` is the truth; both send their changes. */
async function linked(active: LinkedNode, standby: LinkedNode): Promise<void> {
  standby.follow(active, false);
  active.follow(standby, true);
  await expect.poll(() => active.inSync).toBe(true);
}

async function pair(): Promise<[LinkedNode, LinkedNode]> {
  return [await LinkedNode.start(), await LinkedNode.start()];
}

async function equal(a: LinkedNode, b: LinkedNode): Promise<void> {
  await expect.poll(async () => JSON.stringify(await a.has()) === JSON.stringify(await b.has())).toBe(true);
}

describe('R16: a promise in a pair', () => {
  test('is given when both have it, on either side, and not before', async () => {
    const [a, b] = await pair();
    await linked(a, b);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const opened = Promise.withResolvers<void>();
      to.gate = opened.promise;
      let promised = false;
      const declared = from.put(vhost(`from ${nodes.indexOf(from)}`)).then(() => (promised = true));
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(promised).toBe(false);
      opened.resolve();
      await declared;
      expect(await to.has()).toEqual(await from.has());
    }
    await expect.poll(async () => (await a.alone()) + (await b.alone())).toBe(0);
  });

  test('without an answer it is given by one node alone, and marked', async () => {
    const [a, b] = await pair();
    await linked(a, b);
    b.gate = new Promise(() => undefined);
    const declared = a.put(queue('q'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    a.sender!.close();
    await declared;
    expect(await a.alone()).toBe(1);
  });

  test('a peer that refuses a definition is brought into step by the next snapshot', async () => {
    const [a, b] = await pair();
    await linked(a, b);
    b.refuses = 'bad';
    await a.put(queue('bad'), queue('good'));
    expect(await a.alone()).toBeGreaterThan(0);
    b.refuses = null;
    await equal(a, b);
    await expect.poll(() => a.alone()).toBe(0);
  });
});

describe('R11: a snapshot', () => {
  test('makes the standby like the active, whatever its size', async () => {
    const [a, b] = await pair();
    await a.put(...Array.from({ length: 3000 }, (_, i) => vhost(`v${i}`, 'x'.repeat(1000))));
    await b.put(vhost('v1', 'old'), vhost('v2', 'x'));
    await b.log.settleAll();
    await linked(a, b);
    expect(await b.has()).toEqual(await a.has());
  });

  test('does not take what the standby had promised alone, nor queues with messages: both get them', async () => {
    const [a, b] = await pair();
    await a.put(vhost('/'), queue('common'));
    await b.put(vhost('/'), queue('full'), queue('empty'));
    await b.log.settleAll();
    b.full.add('full');
    await b.put(queue('alone'));
    await linked(a, b);
    const wanted = [vhost('/'), queue('common'), queue('full'), queue('alone')].map(shapeOf).sort();
    expect(await a.has()).toEqual(wanted);
    expect(await b.has()).toEqual(wanted);
    await expect.poll(async () => (await a.alone()) + (await b.alone())).toBe(0);
  });

  test('of a former active is nothing to a node that serves', async () => {
    const [a, b] = await pair();
    await a.put(vhost('/'), queue('old'));
    await b.put(vhost('/'), queue('new'));
    b.serving = true;
    a.follow(b, true);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await b.has()).toEqual([vhost('/'), queue('new')].map(shapeOf).sort());
    expect(a.inSync).toBe(false);
  });

  test('that is under way when the standby takes over changes nothing there any more', async () => {
    const [a, b] = await pair();
    await a.put(vhost('/'), queue('old'));
    await b.put(vhost('/'), queue('mine'));
    await b.log.settleAll();
    const opened = Promise.withResolvers<void>();
    const { entries } = b.definitions;
    b.definitions.entries = async () => {
      await opened.promise;
      return entries();
    };
    a.follow(b, true);
    await expect.poll(() => b.definitions.entries !== entries).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
    b.server.hangUp();
    b.serving = true;
    await b.put(queue('declared since'));
    opened.resolve();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await b.has()).toEqual([vhost('/'), queue('mine'), queue('declared since')].map(shapeOf).sort());
  });

  test('says that they are not in sync when a queue with messages differs', async () => {
    const [a, b] = await pair();
    await a.put(vhost('/'), queue('q', true));
    await b.put(vhost('/'), queue('q', false));
    b.full.add('q');
    standbyOnly(a, b);
    await expect.poll(() => a.alone()).toBe(0);
    expect(a.inSync).toBe(false);
    expect(await b.has()).toContain(shapeOf(queue('q', false)));
  });
});

function standbyOnly(active: LinkedNode, standby: LinkedNode): void {
  standby.follow(active, false);
  active.follow(standby, true);
}

describe('R16: changes that cross', () => {
  test.each([
    ['a virtual host', (side: string, i: number) => vhost('v', `${side}${i}`)],
    ['a queue', (side: string) => queue('q', side === 'a')],
  ])('of %s on both sides end the same on both', async (_what, made) => {
    const [a, b] = await pair();
    await linked(a, b);
    for (let i = 0; i < 20; i++) {
      await Promise.all([a.put(made('a', i)), b.put(made('b', i))]);
      if (i % 2 === 0) await Promise.all([a.remove(made('a', i)), b.put(made('b', i))]);
    }
    await equal(a, b);
  });

  test('declared on the standby while the snapshot is on its way are on both', async () => {
    const [a, b] = await pair();
    await a.put(...Array.from({ length: 500 }, (_, i) => vhost(`v${i}`)));
    standbyOnly(a, b);
    for (let i = 0; i < 30; i++) {
      await b.put(vhost(`b${i}`));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await equal(a, b);
    expect((await a.has()).filter((shape) => /"b\d+"/.test(shape))).toHaveLength(30);
  });

  test('with links that break all the time, nothing promised is lost and both are equal in the end', async () => {
    const [a, b] = await pair();
    await linked(a, b);
    const promised = new Set<Definition>();
    let running = true;
    const breaking = (async () => {
      for (let i = 0; running; i++) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        (i % 2 === 0 ? a : b).server.hangUp();
      }
    })();
    const declaring = [a, b].map(async (node, side) => {
      for (let i = 0; i < 150; i++) {
        const definition = vhost(`${side} ${i}`);
        await node.put(definition);
        promised.add(definition);
        if (i % 5 === 4) {
          promised.delete(definition);
          await node.remove(definition);
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    await Promise.all(declaring);
    running = false;
    await breaking;
    await equal(a, b);
    const has = await a.has();
    for (const definition of promised) expect(has).toContain(shapeOf(definition));
  }, 30_000);
});
