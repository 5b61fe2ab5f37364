// Where definition changes are promised: the node's own store and, while a peer is linked, the peer (R16).
import type {
  Definition,
  DefinitionChange,
  DefinitionSink,
  DefinitionsStore,
} from '../definitions/definitions-store.ts';

export type PeerSender = (change: DefinitionChange) => Promise<void>;

export class DefinitionLog implements DefinitionSink {
  readonly #store: DefinitionsStore;
  /** Sends a change to the linked peer and resolves when the peer has it. */
  peer: PeerSender | null = null;

  constructor(store: DefinitionsStore) {
    this.#store = store;
  }

  all(): Promise<Definition[]> {
    return this.#store.all();
  }

  async commit(change: DefinitionChange, origin: 'local' | 'peer'): Promise<void> {
    const stored =
      change.op === 'put' ? this.#store.put(change.definition) : this.#store.remove(change.kind, change.key);
    const sent = origin === 'local' && this.peer ? this.peer(change) : undefined;
    await Promise.all([stored, sent]);
  }
}
