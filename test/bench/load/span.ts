// A measured span: wall clock, the broker's CPU time and the generator's own, between two moments.
import { cpuMs, firstThreadMs, hasProcessUsage, machineBusyMs } from '../process-usage.ts';
import type { Figures, Job } from './scenario.ts';

export class Span {
  readonly #job: Job;
  readonly #startedAt = performance.now();
  readonly #own = process.cpuUsage();
  readonly #node: number;
  readonly #host: number;
  readonly #loop: number;
  readonly #machine = hasProcessUsage ? machineBusyMs() : 0;

  constructor(job: Job) {
    this.#job = job;
    this.#node = cpuMs(job.nodePids);
    this.#host = cpuMs(job.hostPids);
    this.#loop = loopMs(job);
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Rate and CPU for `count` things done since the span began. `noun` is what was counted, in the plural. */
  figures(count: number, noun: string): Figures {
    const elapsedMs = this.elapsedMs;
    const own = process.cpuUsage(this.#own);
    const figures: Figures = {
      [`${noun}/s`]: (count * 1000) / elapsedMs,
      generatorCpuShare: (own.user + own.system) / 1000 / elapsedMs,
      generatorCpuUs: (own.user + own.system) / count,
    };
    if (!hasProcessUsage) return figures;
    const node = cpuMs(this.#job.nodePids) - this.#node;
    const host = cpuMs(this.#job.hostPids) - this.#host;
    figures.cpuUs = ((node + host) * 1000) / count;
    figures.nodeCpuUs = (node * 1000) / count;
    figures.brokerCpuShare = (node + host) / elapsedMs;
    // Of RabbitMQ, which is several processes, this would say nothing.
    if (this.#job.nodePids.length === 1) {
      const loop = loopMs(this.#job) - this.#loop;
      figures.loopPercent = (100 * loop) / elapsedMs;
      figures.asidePercent = (100 * (node - loop)) / elapsedMs;
    }
    const ours = node + host + (own.user + own.system) / 1000;
    figures.otherCpuShare = Math.max(0, machineBusyMs() - this.#machine - ours) / elapsedMs;
    return figures;
  }
}

function loopMs({ nodePids: [first] }: Job): number {
  return first === undefined ? 0 : firstThreadMs(first);
}
