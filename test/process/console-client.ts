// A console without a screen: the typed contract over the WebSocket that browsers use.
import { decode, encode } from '@msgpack/msgpack';
import { createBirpc, type BirpcReturn } from 'birpc';
import { WebSocket } from 'ws';
import type { HostProcedureName, HostProcedures } from '../../broker/contract/host-procedures.ts';
import type { NodeProcedureName, NodeProcedures } from '../../broker/contract/node-procedures.ts';
import type { InputOf, OutputOf } from '../../broker/contract/procedure.ts';
import type { ConsoleClient, ConsoleServer, NodeTarget, Result } from '../../broker/contract/rpc.ts';
import * as v from 'valibot';

/** What a caller hands in: fields with a default may be left out. */
type GivenOf<P> = P extends { readonly input: infer Schema extends v.GenericSchema }
  ? Partial<v.InferInput<Schema>> & Partial<InputOf<P>>
  : never;

export class ConsoleClientConnection {
  readonly #socket: WebSocket;
  readonly #rpc: BirpcReturn<ConsoleServer, ConsoleClient>;

  /** `url` as the host prints it, with its token. */
  static async connect(url: string): Promise<ConsoleClientConnection> {
    const { origin, host, hash } = new URL(url);
    const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
    const socket = new WebSocket(`ws://${host}/console`, ['warren', `token.${token}`], { origin });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    return new ConsoleClientConnection(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    this.#rpc = createBirpc<ConsoleServer, ConsoleClient>(
      { watched: () => Promise.resolve() },
      {
        post: (message) => socket.send(message as Uint8Array),
        on: (handler) => void socket.on('message', handler),
        serialize: (message) => encode(message, { ignoreUndefined: true }),
        deserialize: (message) => decode(message as Uint8Array),
        timeout: 60_000,
      },
    );
    socket.once('close', () => this.#rpc.$close(new Error('the host closed the console')));
  }

  async host<Name extends HostProcedureName>(
    name: Name,
    input?: GivenOf<HostProcedures[Name]>,
  ): Promise<OutputOf<HostProcedures[Name]>> {
    return valueOf(await this.#rpc.host(name, input ?? {})) as OutputOf<HostProcedures[Name]>;
  }

  async node<Name extends NodeProcedureName>(
    target: NodeTarget,
    name: Name,
    input?: GivenOf<NodeProcedures[Name]>,
  ): Promise<OutputOf<NodeProcedures[Name]>> {
    return valueOf(await this.#rpc.node(target, name, input ?? {})) as OutputOf<NodeProcedures[Name]>;
  }

  close(): void {
    this.#socket.terminate();
  }
}

function valueOf(result: Result<unknown>): unknown {
  if (result.ok) return result.value;
  throw new Error(`${result.error.code}: ${result.error.message}`);
}
