// One console's connection to the host, whatever carries it: calls, and queries watched on its behalf. A watch is
// evaluated at its interval while the console is visible; a result is pushed when it differs from the last one
// pushed, and the next only when the console has taken it.
import { createBirpc, type BirpcReturn } from 'birpc';
import { isDeepStrictEqual } from 'node:util';
import type { HostProcedureName } from '../contract/host-procedures.ts';
import { hostProcedures } from '../contract/host-procedures.ts';
import { nodeProcedures, type NodeProcedureName } from '../contract/node-procedures.ts';
import type { ConsoleClient, ConsoleServer, NodeTarget, Result, WatchRequest } from '../contract/rpc.ts';

const intervalLeastMs = 250;
const watchesMax = 64;

/** What a session asks of its host. */
export interface SessionHost {
  callHost(name: HostProcedureName, input: unknown): Promise<Result<unknown>>;
  callNode(target: NodeTarget, name: NodeProcedureName, input: unknown): Promise<Result<unknown>>;
}

export interface SessionChannel {
  post(message: unknown): void;
  listen(handler: (message: unknown) => void): void;
  serialize?: (message: unknown) => unknown;
  deserialize?: (message: unknown) => unknown;
}

interface Watch {
  request: WatchRequest;
  timer: NodeJS.Timeout | null;
  busy: boolean;
  last: Result<unknown> | null;
}

export class ConsoleSession implements ConsoleServer {
  readonly #host: SessionHost;
  readonly #rpc: BirpcReturn<ConsoleClient, ConsoleServer>;
  readonly #watches = new Map<number, Watch>();
  #visible = true;

  constructor(host: SessionHost, channel: SessionChannel) {
    this.#host = host;
    const answers: ConsoleServer = {
      host: (name, input) => this.host(name, input),
      node: (target, name, input) => this.node(target, name, input),
      watch: (request) => this.watch(request),
      unwatch: (watchId) => this.unwatch(watchId),
      setVisible: (visible) => this.setVisible(visible),
    };
    this.#rpc = createBirpc<ConsoleClient, ConsoleServer>(answers, {
      post: (message) => channel.post(message),
      on: (handler) => channel.listen(handler),
      serialize: channel.serialize,
      deserialize: channel.deserialize,
      timeout: 30_000,
    });
  }

  close(): void {
    for (const id of [...this.#watches.keys()]) this.#end(id);
    this.#rpc.$close();
  }

  host(name: HostProcedureName, input: unknown): Promise<Result<unknown>> {
    return this.#host.callHost(name, input);
  }

  node(target: NodeTarget, name: NodeProcedureName, input: unknown): Promise<Result<unknown>> {
    return this.#host.callNode(target, name, input);
  }

  watch(request: WatchRequest): Promise<void> {
    const { scope, name, watchId } = request;
    const procedure =
      scope === 'host'
        ? hostProcedures[name as HostProcedureName]
        : nodeProcedures[name as NodeProcedureName];
    if (procedure?.kind !== 'query') return Promise.reject(new Error(`'${name}' cannot be watched`));
    if (this.#watches.size >= watchesMax) return Promise.reject(new Error('too many watches'));
    this.#end(watchId);
    const watch: Watch = { request, timer: null, busy: false, last: null };
    this.#watches.set(watchId, watch);
    void this.#evaluate(watch);
    return Promise.resolve();
  }

  unwatch(watchId: number): Promise<void> {
    this.#end(watchId);
    return Promise.resolve();
  }

  setVisible(visible: boolean): Promise<void> {
    if (visible && !this.#visible) for (const watch of this.#watches.values()) void this.#evaluate(watch);
    this.#visible = visible;
    return Promise.resolve();
  }

  #end(watchId: number): void {
    const watch = this.#watches.get(watchId);
    if (watch?.timer) clearTimeout(watch.timer);
    this.#watches.delete(watchId);
  }

  async #evaluate(watch: Watch): Promise<void> {
    if (watch.busy) return;
    watch.busy = true;
    if (watch.timer) clearTimeout(watch.timer);
    watch.timer = null;
    const { request } = watch;
    const result =
      request.scope === 'host'
        ? await this.#host.callHost(request.name as HostProcedureName, request.input)
        : await this.#host.callNode(request.target, request.name as NodeProcedureName, request.input);
    const live = () => this.#watches.get(request.watchId) === watch;
    if (live() && !isDeepStrictEqual(result, watch.last)) {
      watch.last = result;
      // A console that does not take it has gone or hangs; its connection's end tells which.
      await this.#rpc.watched(request.watchId, result).catch(() => undefined);
    }
    watch.busy = false;
    if (!live() || this.#rpc.$closed) return;
    watch.timer = setTimeout(
      () => {
        watch.timer = null;
        if (this.#visible) void this.#evaluate(watch);
      },
      Math.max(request.intervalMs, intervalLeastMs),
    );
  }
}
