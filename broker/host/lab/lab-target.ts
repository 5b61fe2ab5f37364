// What a run is run on: the host's own nodes, or those of a host made for the run in a folder of its own.
import { createServer, type AddressInfo } from 'node:net';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ContractError } from '../../contract/errors.ts';
import type { HostProcedureName, HostProcedures, PairStatus } from '../../contract/host-procedures.ts';
import type { PairModel } from '../../contract/pair-models.ts';
import type { InputOf, OutputOf } from '../../contract/procedure.ts';
import type { Result } from '../../contract/rpc.ts';

const pollMs = 25;

/** As much of a host as the lab uses. */
export interface LabHostLike {
  callHost(name: HostProcedureName, input: unknown): Promise<Result<unknown>>;
  readonly options: { amqpHost: string; amqpPort: number };
}

/** A host that was made for a run. */
export interface ThrowAwayHost extends LabHostLike {
  startPair(model: PairModel): Promise<void>;
  stop(): Promise<void>;
  abandon(): void;
}

export type MakeHost = (options: { dataFolder: string; amqpPort: number }) => Promise<ThrowAwayHost>;

export class LabTarget {
  readonly #host: LabHostLike;
  readonly #throwAway: { host: ThrowAwayHost; folder: string } | null;

  constructor(host: LabHostLike, throwAway: { host: ThrowAwayHost; folder: string } | null = null) {
    this.#host = host;
    this.#throwAway = throwAway;
  }

  /** A pair of its own, in a new folder below `folder`; resolves when its first node serves. */
  static async throwAway(model: PairModel, folder: string, make: MakeHost): Promise<LabTarget> {
    await mkdir(folder, { recursive: true });
    const dataFolder = await mkdtemp(join(folder, 'pair-'));
    try {
      const host = await make({ dataFolder, amqpPort: await freePort() });
      const target = new LabTarget(host, { host, folder: dataFolder });
      try {
        await host.startPair(model);
      } catch (error) {
        await target.dispose();
        throw error;
      }
      return target;
    } catch (error) {
      await removeFolder(dataFolder);
      throw error;
    }
  }

  get front(): { host: string; port: number } {
    return { host: this.#host.options.amqpHost, port: this.#host.options.amqpPort };
  }

  /** Rejects with a ContractError. */
  async call<Name extends HostProcedureName>(
    name: Name,
    input: Partial<InputOf<HostProcedures[Name]>>,
  ): Promise<OutputOf<HostProcedures[Name]>> {
    const result = await this.#host.callHost(name, input);
    if (!result.ok) throw new ContractError(result.error.code, result.error.message);
    return result.value as OutputOf<HostProcedures[Name]>;
  }

  /** Both nodes there, the standby with everything; of a node alone, that it serves. Rejects when it is not so in time. */
  async whole(timeoutMs: number): Promise<PairStatus> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const status = await this.call('pair.status', {});
      const paired = status.state === 'ready' && status.definitionsInSync && status.standbyLevel;
      if (status.enabled ? paired : status.activeId !== null) return status;
      if (Date.now() > deadline)
        throw new ContractError(
          'unavailable',
          `the pair is not whole after ${Math.round(timeoutMs / 1000)} s: ${status.state}`,
        );
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  /** Ends a pair that was made for the run, and removes its folder. */
  async dispose(): Promise<void> {
    if (!this.#throwAway) return;
    await this.#throwAway.host.stop();
    await removeFolder(this.#throwAway.folder);
  }

  abandon(): void {
    this.#throwAway?.host.abandon();
  }
}

const removeFolder = (folder: string) => rm(folder, { recursive: true, force: true, maxRetries: 5 });

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
