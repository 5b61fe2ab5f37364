// Asks the worker for layouts, one after the other.
import type { CanvasLayout } from '../../broker/contract/host-procedures.ts';
import type { Way } from './arrange.ts';

export class Arranger {
  readonly #worker = new Worker(new URL('./arrange-worker.ts', import.meta.url), { type: 'module' });
  readonly #waiting: ((layout: CanvasLayout) => void)[] = [];

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<CanvasLayout>) => this.#waiting.shift()?.(data);
  }

  arrange(ids: string[], ways: Way[]): Promise<CanvasLayout> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#worker.postMessage({ ids, ways });
    });
  }

  close(): void {
    this.#worker.terminate();
  }
}
