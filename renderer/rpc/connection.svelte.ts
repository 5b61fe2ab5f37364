// The console's connection to its host: opened, lost, opened again. Owns the transport and every watch; screens
// ask through `callHost`, `callNode` and `watch`.
import { createBirpc, type BirpcReturn } from 'birpc';
import { ContractError } from '../../broker/contract/errors.ts';
import type { HostProcedureName, HostProcedures } from '../../broker/contract/host-procedures.ts';
import type { NodeProcedureName, NodeProcedures } from '../../broker/contract/node-procedures.ts';
import type { InputOf, OutputOf } from '../../broker/contract/procedure.ts';
import type {
  ConsoleClient,
  ConsoleServer,
  NodeTarget,
  Result,
  WatchRequest,
} from '../../broker/contract/rpc.ts';
import { dropToken, keepToken, takeToken, tokenOfAnotherTab } from './token.ts';
import { inShell, shellPort, webSocket, type Transport } from './transport.ts';

type Status = 'connecting' | 'open' | 'lost' | 'locked';

const retryEveryMs = 1000;

/** Input as a caller writes it: what the schema fills in may be left out. */
export type Loose<Input> = Input extends object ? Partial<Input> : Input;

interface Watched {
  request: WatchRequest;
  take: (result: Result<unknown>) => void;
  /** A new question gets its first answer while live updates are paused, too. */
  answered: boolean;
}

class Connection {
  status = $state<Status>('connecting');
  /** True once the host did not know the key that was offered. */
  keyRefused = $state(false);
  #paused = $state(false);
  #rpc: BirpcReturn<ConsoleServer, ConsoleClient> | null = null;
  readonly #watches = new Map<number, Watched>();
  #lastWatch = 0;
  #opened: (() => void)[] = [];

  /** While true nothing live changes on screen. */
  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    // What was pushed meanwhile is not pushed again: all is asked anew.
    if (!paused) for (const { request } of this.#watches.values()) this.#begin(request);
  }

  open(): void {
    if (inShell) void shellPort().then((transport) => this.#use(transport));
    else void this.#openSocket();
    document.addEventListener('visibilitychange', () => this.#tellVisible());
  }

  unlock(token: string): void {
    this.keyRefused = false;
    keepToken(token);
    void this.#openSocket();
  }

  async callHost<Name extends HostProcedureName>(
    name: Name,
    input: Loose<InputOf<HostProcedures[Name]>>,
  ): Promise<OutputOf<HostProcedures[Name]>> {
    const rpc = await this.#ready();
    return valueOf(await rpc.host(name, plain(input))) as OutputOf<HostProcedures[Name]>;
  }

  async callNode<Name extends NodeProcedureName>(
    name: Name,
    input: Loose<InputOf<NodeProcedures[Name]>>,
    target: NodeTarget = 'active',
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    const rpc = await this.#ready();
    return valueOf(await rpc.node(target, name, plain(input))) as OutputOf<NodeProcedures[Name]>;
  }

  /** Pushes each new result of a query to `take` until the returned function is called. */
  watch(request: Omit<WatchRequest, 'watchId'>, take: (result: Result<unknown>) => void): () => void {
    const watchId = ++this.#lastWatch;
    const entry = { request: { ...request, input: plain(request.input), watchId }, take, answered: false };
    this.#watches.set(watchId, entry);
    this.#begin(entry.request);
    return () => {
      this.#watches.delete(watchId);
      this.#rpc?.unwatch(watchId).catch(() => undefined);
    };
  }

  #begin(request: WatchRequest): void {
    this.#rpc?.watch(request).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      this.#watches.get(request.watchId)?.take({ ok: false, error: { code: 'internal', message } });
    });
  }

  #ready(): Promise<BirpcReturn<ConsoleServer, ConsoleClient>> {
    if (this.#rpc && this.status === 'open') return Promise.resolve(this.#rpc);
    if (this.status === 'lost')
      return Promise.reject(new ContractError('unavailable', 'The host does not answer.'));
    return new Promise((resolve) => this.#opened.push(() => resolve(this.#rpc!)));
  }

  async #openSocket(): Promise<void> {
    const token = takeToken() ?? (await tokenOfAnotherTab());
    if (token === null) {
      this.status = 'locked';
      return;
    }
    let transport: Transport;
    try {
      transport = await webSocket(token);
    } catch {
      return this.#refusedOrAway();
    }
    transport.onClose(() => {
      this.#rpc?.$close();
      this.#rpc = null;
      this.status = 'lost';
      setTimeout(() => void this.#openSocket(), retryEveryMs);
    });
    this.#use(transport);
  }

  /** A browser does not tell a refused WebSocket from a dead host; whether the page is there does. */
  async #refusedOrAway(): Promise<void> {
    const answer = await fetch('/', { method: 'HEAD' }).catch(() => null);
    if (answer) {
      dropToken();
      this.keyRefused = true;
      this.status = 'locked';
      return;
    }
    this.status = 'lost';
    setTimeout(() => void this.#openSocket(), retryEveryMs);
  }

  #use(transport: Transport): void {
    const answers: ConsoleClient = {
      watched: (watchId, result) => {
        const watched = this.#watches.get(watchId);
        if (watched && !(this.#paused && watched.answered)) {
          watched.answered = true;
          watched.take(result);
        }
        return Promise.resolve();
      },
    };
    this.#rpc = createBirpc<ConsoleServer, ConsoleClient>(answers, {
      post: (message) => transport.post(message),
      on: (handler) => transport.listen(handler),
      serialize: transport.serialize,
      deserialize: transport.deserialize,
      timeout: 60_000,
    });
    this.status = 'open';
    for (const opened of this.#opened.splice(0)) opened();
    for (const { request } of this.#watches.values()) this.#begin(request);
    this.#tellVisible();
  }

  #tellVisible(): void {
    this.#rpc?.setVisible(document.visibilityState === 'visible').catch(() => undefined);
  }
}

export const connection = new Connection();

function valueOf(result: Result<unknown>): unknown {
  if (result.ok) return result.value;
  throw new ContractError(result.error.code, result.error.message);
}

/** Svelte's proxies cannot be cloned across a port. */
function plain(input: unknown): unknown {
  return $state.snapshot(input);
}
