// The definitions of a ram node (R12): gone with the process, for throw-away work.
import { definitionKey } from './definition-key.ts';
import type { Definition, DefinitionKey, DefinitionKind, DefinitionsStore } from './definitions-store.ts';

export class MemoryStore implements DefinitionsStore {
  readonly kind = 'ram';
  readonly #definitions = new Map<DefinitionKey, Definition>();

  load(): Promise<Definition[]> {
    return this.all();
  }

  all(): Promise<Definition[]> {
    return Promise.resolve([...this.#definitions.values()]);
  }

  put(definition: Definition): Promise<void> {
    this.#definitions.set(definitionKey(definition), definition);
    return Promise.resolve();
  }

  remove(_kind: DefinitionKind, key: DefinitionKey): Promise<void> {
    this.#definitions.delete(key);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
