// The store of what is declared, as its users see it. The model in memory is the truth while the node runs;
// the store makes it last. A change is promised (declare-ok) only when `put` or `remove` has resolved.
import type { Arguments, FieldValue } from '../contract/rows.ts';

export interface DefinitionBodies {
  vhost: { name: string; description: string; tags: string[]; tracing: boolean };
  user: {
    name: string;
    passwordHash: string;
    hashingAlgorithm: string;
    tags: string[];
    /** max-connections, max-channels; absent where none was ever set. */
    limits?: Record<string, number>;
  };
  permission: { user: string; vhost: string; configure: string; write: string; read: string };
  'topic-permission': { user: string; vhost: string; exchange: string; write: string; read: string };
  exchange: {
    vhost: string;
    name: string;
    type: string;
    autoDelete: boolean;
    internal: boolean;
    arguments: EncodedTable;
  };
  /** `id` is the journal's holder number on the node that declared it: local, never synced. */
  queue: { vhost: string; name: string; id: number; autoDelete: boolean; arguments: EncodedTable };
  binding: {
    vhost: string;
    source: string;
    destination: string;
    destinationType: 'queue' | 'exchange';
    routingKey: string;
    arguments: EncodedTable;
  };
  policy: {
    vhost: string;
    name: string;
    pattern: string;
    applyTo: 'queues' | 'exchanges' | 'all';
    priority: number;
    definition: Arguments;
    operator: boolean;
  };
  parameter: { vhost: string; component: string; name: string; value: FieldValue };
  'global-parameter': { name: string; value: FieldValue };
}

/** An AMQP field table in its wire bytes, base64: keeps every type exactly and has no key NeDB would refuse. */
export type EncodedTable = string;

export type DefinitionKind = keyof DefinitionBodies;

export type Definition = {
  [Kind in DefinitionKind]: { kind: Kind; body: DefinitionBodies[Kind] };
}[DefinitionKind];

/** The same object always has the same key: kind and the names that identify it, JSON array text. */
export type DefinitionKey = string;

export interface DefinitionRemoval {
  op: 'remove';
  kind: DefinitionKind;
  key: DefinitionKey;
}

export type DefinitionChange = { op: 'put'; definition: Definition } | DefinitionRemoval;

export interface StoredDefinition {
  definition: Definition;
  /**
   * The number of the local change that no peer is known to have: a peer that takes over may not know of it (R16).
   * Null once a peer has it.
   */
  alone: number | null;
}

export interface DefinitionsStore {
  readonly kind: 'disc' | 'ram';
  /** Opens it; answers what it holds. */
  load(): Promise<StoredDefinition[]>;
  /** Everything stored, in no order. Changes asked for before this call are in it. */
  entries(): Promise<StoredDefinition[]>;
  /** Resolves when the definition is as durable as the store makes it (disc: fdatasync). Rejects on a disk fault. */
  put(definition: Definition, alone?: number | null): Promise<void>;
  /** A peer has this change. Not synced: a mark too many is harmless. */
  settleOne(key: DefinitionKey, alone: number): Promise<void>;
  /** A peer has every change up to this number. */
  settle(upTo: number): Promise<void>;
  remove(kind: DefinitionKind, key: DefinitionKey): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where changes go to be promised: the store, and in a pair the peer as well (R16). `peer` marks a change that
 * came from the other node, which is stored but not sent back.
 */
export interface DefinitionSink {
  commit(change: DefinitionChange, origin: 'local' | 'peer'): Promise<void>;
  /** The same for many that go together, at a fraction of the cost of each. */
  removeAll(removals: readonly DefinitionRemoval[], origin: 'local' | 'peer'): Promise<void>;
}

/** A change could not be kept; whether the disk has some of it is not known. */
export class StoreFault extends Error {
  override name = 'StoreFault';
}
