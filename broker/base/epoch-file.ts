// A number that only grows, written down before it is acted on.
import { replaceFile } from './replace-file.ts';
import type { Storage } from './storage.ts';

export class EpochFile {
  readonly #path: string;
  readonly #storage: Storage;
  #raising: Promise<void> = Promise.resolve();

  constructor(path: string, storage: Storage) {
    this.#path = path;
    this.#storage = storage;
  }

  /** The last epoch written, 0 when there is none. Rejects when the file does not hold a number. */
  async read(): Promise<number> {
    let text: string;
    try {
      text = (await this.#storage.read(this.#path)).toString();
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
      await replaceFile(this.#path, String(epoch), this.#storage);
    });
    this.#raising = raised.catch(() => undefined);
    return raised;
  }
}
