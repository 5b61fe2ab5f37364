// The definitions of a ram node (R12): gone with the process, for throw-away work.
import { definitionKey } from './definition-key.ts';
import type {
  Definition,
  DefinitionKey,
  DefinitionKind,
  DefinitionsStore,
  StoredDefinition,
} from './definitions-store.ts';

export class MemoryStore implements DefinitionsStore {
  readonly kind = 'ram';
  readonly #definitions = new Map<DefinitionKey, StoredDefinition>();

  load(): Promise<StoredDefinition[]> {
    return this.entries();
  }

  entries(): Promise<StoredDefinition[]> {
    return Promise.resolve([...this.#definitions.values()].map((stored) => ({ ...stored })));
  }

  peek(key: DefinitionKey): Definition | undefined {
    return this.#definitions.get(key)?.definition;
  }

  put(definition: Definition, alone: number | null = null): Promise<void> {
    this.#definitions.set(definitionKey(definition), { definition, alone });
    return Promise.resolve();
  }

  settleOne(key: DefinitionKey, alone: number): Promise<void> {
    const stored = this.#definitions.get(key);
    if (stored?.alone === alone) stored.alone = null;
    return Promise.resolve();
  }

  settle(upTo: number): Promise<void> {
    for (const stored of this.#definitions.values())
      if (stored.alone !== null && stored.alone <= upTo) stored.alone = null;
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
