// Where definition changes are promised: the node's own store and, while a peer is linked, the peer (R16). Each is
// stored with its number until the peer is known to have it, so that at no moment a snapshot could take it for gone.
import { definitionKey } from '../definitions/definition-key.ts';
import type {
  DefinitionChange,
  DefinitionRemoval,
  DefinitionSink,
  DefinitionsStore,
  StoredDefinition,
} from '../definitions/definitions-store.ts';
import { lastAlone } from '../definitions/reconcile.ts';
import type { ChangeSender } from '../pair/peer-definitions.ts';

export class DefinitionLog implements DefinitionSink {
  readonly #store: DefinitionsStore;
  #lastChange: number;
  /** Sends a change to the linked peer. */
  peer: ChangeSender | null = null;

  /** `stored`: what the store held when it was opened. */
  constructor(store: DefinitionsStore, stored: StoredDefinition[] = []) {
    this.#store = store;
    this.#lastChange = lastAlone(stored);
  }

  entries(): Promise<StoredDefinition[]> {
    return this.#store.entries();
  }

  /** A peer has every change up to this number. */
  settle(upTo: number): Promise<void> {
    return this.#store.settle(upTo);
  }

  /** Nothing that is there now is this node's alone. */
  settleAll(): Promise<void> {
    return this.#store.settle(this.#lastChange);
  }

  async removeAll(removals: readonly DefinitionRemoval[], origin: 'local' | 'peer'): Promise<void> {
    // Those of one batch share their promise.
    const pending = new Set<Promise<unknown>>();
    for (const removal of removals) {
      if (origin === 'local') this.#lastChange++;
      pending.add(this.#store.remove(removal.kind, removal.key));
      if (origin === 'local' && this.peer) pending.add(this.peer(removal));
    }
    await Promise.all(pending);
  }

  async commit(change: DefinitionChange, origin: 'local' | 'peer'): Promise<void> {
    const number = origin === 'local' ? ++this.#lastChange : null;
    const stored =
      change.op === 'put'
        ? this.#store.put(change.definition, number)
        : this.#store.remove(change.kind, change.key);
    const sent = origin === 'local' ? this.peer?.(change) : undefined;
    const [, reached] = await Promise.all([stored, sent]);
    if (reached && number !== null && change.op === 'put')
      await this.#store.settleOne(definitionKey(change.definition), number);
  }
}
