// What the link between two nodes needs of its own node.
import type { Definition, DefinitionChange, StoredDefinition } from '../definitions/definitions-store.ts';

/** Sends a change to the peer; resolves with whether the peer has it. */
export type ChangeSender = (change: DefinitionChange) => Promise<boolean>;

export interface PeerDefinitions {
  entries(): Promise<StoredDefinition[]>;
  /** Makes and stores what the peer made. Rejects when it cannot be stored. */
  apply(change: DefinitionChange): Promise<void>;
  /** Whether another definition of the same name is here, which the change would have to replace. */
  contradicts(change: DefinitionChange): boolean;
  /** Of a queue: whether messages would go with it. */
  holdsMessages(definition: Definition): boolean;
  /** The peer has every change up to this number. */
  settle(upTo: number): Promise<void>;
  /** The sender for local changes while linked, null otherwise. */
  setSender(sender: ChangeSender | null): void;
  /** Whether it holds the front address: then nobody's snapshot is the truth here. */
  serves(): boolean;
}
