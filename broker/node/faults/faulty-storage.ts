// The disk with a fault on it: operations hang, take longer, or fail, as long as the fault is on. Without one every
// call goes straight through.
import type { Storage, StorageFile, StorageReader } from '../../base/storage.ts';
import type { LastingFault } from '../../contract/node-faults.ts';

/** `room`: it needs space on the disk; `change`: it does not. */
type OperationKind = 'read' | 'room' | 'change' | 'sync';
export type DiskFault = Extract<
  LastingFault,
  { kind: 'disk-stall' | 'slow-sync' | 'disk-full' | 'disk-error' }
>;

export class FaultyDisk {
  #fault: DiskFault | null = null;
  /** Operations that hang. */
  #hanging: (() => void)[] = [];

  get isWell(): boolean {
    return this.#fault === null;
  }

  /** What hangs meets the fault that is on then. */
  set(fault: DiskFault | null): void {
    this.#fault = fault;
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const goOn of hanging) goOn();
  }

  /** Does it, after the fault has had its way. */
  async through<Result>(kind: OperationKind, operation: () => Promise<Result>): Promise<Result> {
    while (this.#fault?.kind === 'disk-stall')
      await new Promise<void>((resolve) => this.#hanging.push(resolve));
    const fault = this.#fault;
    if (fault?.kind === 'disk-full' && kind === 'room')
      throw faultOf('ENOSPC', 'no space left on device (a fault put on this node)');
    if (fault?.kind === 'disk-error' && kind !== 'read')
      throw faultOf('EIO', 'i/o error (a fault put on this node)');
    if (fault?.kind === 'slow-sync' && kind === 'sync')
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    return operation();
  }
}

function faultOf(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

class FaultyFile implements StorageFile {
  readonly #file: StorageFile;
  readonly #disk: FaultyDisk;

  constructor(file: StorageFile, disk: FaultyDisk) {
    this.#file = file;
    this.#disk = disk;
  }

  write(parts: Uint8Array[], position: number): Promise<void> {
    if (this.#disk.isWell) return this.#file.write(parts, position);
    return this.#disk.through('room', () => this.#file.write(parts, position));
  }

  sync(): Promise<void> {
    if (this.#disk.isWell) return this.#file.sync();
    return this.#disk.through('sync', () => this.#file.sync());
  }

  async writeSynced(parts: Uint8Array[], position: number): Promise<void> {
    if (this.#disk.isWell) return this.#file.writeSynced(parts, position);
    await this.write(parts, position);
    await this.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class FaultyReader implements StorageReader {
  readonly #reader: StorageReader;
  readonly #disk: FaultyDisk;

  constructor(reader: StorageReader, disk: FaultyDisk) {
    this.#reader = reader;
    this.#disk = disk;
  }

  read(position: number, length: number): Promise<Buffer> {
    if (this.#disk.isWell) return this.#reader.read(position, length);
    return this.#disk.through('read', () => this.#reader.read(position, length));
  }

  /** Whoever waits in place would hold the event loop, which a stalled disk is to leave alone. */
  readSync(position: number, length: number): Buffer {
    return this.#reader.readSync(position, length);
  }

  close(): void {
    this.#reader.close();
  }
}

export function faultyStorage(storage: Storage, disk: FaultyDisk): Storage {
  const through = <Result>(kind: OperationKind, operation: () => Promise<Result>): Promise<Result> =>
    disk.isWell ? operation() : disk.through(kind, operation);
  return {
    open: async (path) => new FaultyFile(await through('room', () => storage.open(path)), disk),
    reopen: async (path) => new FaultyFile(await through('change', () => storage.reopen(path)), disk),
    size: (path) => through('read', () => storage.size(path)),
    reader: (path) => new FaultyReader(storage.reader(path), disk),
    read: (path, sizeMax) => through('read', () => storage.read(path, sizeMax)),
    readInto: (path, buffer) => through('read', () => storage.readInto(path, buffer)),
    list: (folder) => through('read', () => storage.list(folder)),
    rename: (from, to) => through('change', () => storage.rename(from, to)),
    remove: (path) => through('change', () => storage.remove(path)),
    truncate: (path, size) => through('change', () => storage.truncate(path, size)),
    syncFolder: (folder) => through('sync', () => storage.syncFolder(folder)),
  };
}
