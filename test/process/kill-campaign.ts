// Load, kill, restart on the same folder, look; and again. Sometimes the restart is killed as well.
import { rmSync } from 'node:fs';
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import { Random } from '../fuzz/random.ts';
import { drain } from './kill-drain.ts';
import { Ledger } from './kill-ledger.ts';
import { KillLoad, type ChurnedQueue } from './kill-load.ts';
import { declareTopology, queues } from './kill-topology.ts';
import { verify } from './kill-verify.ts';
import { NodeProcess } from './node-process.ts';

export interface KillOptions {
  seed: number;
  kills: number;
  /** After every restart. */
  progress?: (line: string) => void;
}

export interface KillReport {
  kills: number;
  /** Of them during a restart. */
  killsWhileStarting: number;
  confirmed: number;
  acknowledged: number;
  /** Messages looked at after restarts. */
  verified: number;
  cameBack: number;
  unconfirmed: number;
  recoveryMs: number[];
  failures: string[];
}

/** Queues longer than this are emptied between kills, as a client would. */
const lengthMax = 600;
const loadLeastMs = 250;
const loadMostMs = 1200;

export async function killCampaign(options: KillOptions): Promise<KillReport> {
  const node = await NodeProcess.start();
  try {
    return await new KillCampaign(node, options).run();
  } finally {
    rmSync(node.dataFolder, { recursive: true, force: true });
  }
}

class KillCampaign {
  #node: NodeProcess;
  readonly #options: KillOptions;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #churned: ChurnedQueue[] = [];
  readonly #report: KillReport = {
    kills: 0,
    killsWhileStarting: 0,
    confirmed: 0,
    acknowledged: 0,
    verified: 0,
    cameBack: 0,
    unconfirmed: 0,
    recoveryMs: [],
    failures: [],
  };

  constructor(node: NodeProcess, options: KillOptions) {
    this.#node = node;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<KillReport> {
    const { kills, progress } = this.#options;
    const report = this.#report;
    for (let round = 0; report.kills < kills; round++) {
      await this.#declare();
      await this.#loadAndKill(round);
      await this.#restart();
      const verified = await verify(this.#node, this.#ledger, this.#churned);
      report.verified += verified.messages;
      report.cameBack += verified.cameBack;
      report.unconfirmed += verified.unconfirmed;
      for (const failure of verified.failures) report.failures.push(`kill ${report.kills}: ${failure}`);
      progress?.(
        `kill ${report.kills}: ${verified.messages} messages in place, ${this.#ledger.confirmed} confirmed so far, ` +
          `recovered in ${Math.round(report.recoveryMs.at(-1)!)} ms, ${report.failures.length} failures`,
      );
      if (report.failures.length > 0) break;
      await this.#drainLong();
    }
    report.confirmed = this.#ledger.confirmed;
    report.acknowledged = this.#ledger.acknowledged;
    await this.#node.stop();
    return report;
  }

  async #declare(): Promise<void> {
    const connection = await ClientConnection.open({ host: '127.0.0.1', port: this.#node.amqpPort });
    await declareTopology(await connection.openChannel());
    await connection.close();
  }

  async #loadAndKill(round: number): Promise<void> {
    const load = new KillLoad(this.#node.amqpPort, this.#ledger, this.#random, round, this.#churned);
    await load.start();
    const loadMs = this.#random.between(loadLeastMs, loadMostMs);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, loadMs)), this.#node.exited]);
    if (!this.#node.alive) this.#report.failures.push(`the node died: ${this.#node.output}`);
    await this.#node.kill();
    this.#report.kills++;
    await load.ended();
    this.#report.failures.push(...load.failures);
  }

  async #restart(): Promise<void> {
    const { dataFolder } = this.#node;
    while (this.#report.kills < this.#options.kills && this.#random.oneIn(5)) {
      await NodeProcess.killWhileStarting({ dataFolder }, this.#random.between(20, 400));
      this.#report.kills++;
      this.#report.killsWhileStarting++;
    }
    this.#node = await NodeProcess.start({ dataFolder });
    this.#report.recoveryMs.push(this.#node.report.recoveryMs);
  }

  async #drainLong(): Promise<void> {
    for (const { name } of queues)
      if (this.#ledger.in(name).length > lengthMax)
        this.#report.failures.push(...(await drain(this.#node.amqpPort, name, this.#ledger)));
  }
}
