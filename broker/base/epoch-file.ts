// A number that only grows, written down before it is acted on: temporary file, sync, rename, sync of the folder.
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

export class EpochFile {
  readonly #path: string;

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
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new Error(`${this.#path} holds no epoch`);
    return epoch;
  }

  /** Rejects an epoch that is not higher than the last. */
  async raise(epoch: number): Promise<void> {
    const last = await this.read();
    if (epoch <= last) throw new Error(`epoch ${epoch} is not higher than ${last}`);
    const folder = dirname(this.#path);
    await mkdir(folder, { recursive: true });
    const file = await open(`${this.#path}.new`, 'w');
    try {
      await file.writeFile(String(epoch));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.new`, this.#path);
    await syncFolder(folder);
  }
}

/** Windows cannot open folders; its rename is durable by the file system's own journal. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
