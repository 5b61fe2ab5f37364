// The definitions of a ram node (R12): gone with the process, for throw-away work.
import type { Definition, DefinitionsStore } from './definitions-store.ts';

export class MemoryStore implements DefinitionsStore {
  readonly kind = 'ram';

  load(): Promise<Definition[]> {
    return Promise.resolve([]);
  }

  put(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
