// A number that only grows, written down before it is acted on.
import { readFile } from 'node:fs/promises';
import { replaceFile } from './replace-file.ts';

export class EpochFile {
  readonly #path: string;
  #raising: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** The last epoch written, 0 when there is none. Rejects when the file does not hold a number. */
  async read(): Promise<number> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
    const epoch = Number(text);
    if (text === '' || !Number.isSafeInteger(epoch) || epoch < 0)
      throw new Error(`${this.#path} holds no epoch`);
    return epoch;
  }

  /** Rejects an epoch that is not higher than the last. Calls at the same time are taken one after the other. */
  raise(epoch: number): Promise<void> {
    const raised = this.#raising.then(async () => {
      const last = await this.read();
      if (epoch <= last) throw new Error(`epoch ${epoch} is not higher than ${last}`);
      await replaceFile(this.#path, String(epoch));
    });
    this.#raising = raised.catch(() => undefined);
    return raised;
  }
}
