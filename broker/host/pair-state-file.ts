// What the host must know again after its own end, whatever ended it: which pair runs, and who was to serve under
// which epoch. Written before the grant goes out, so that what it says is never older than what a node did.
import { osStorage } from '../base/os-storage.ts';
import { replaceFile } from '../base/replace-file.ts';
import type { Storage } from '../base/storage.ts';
import * as v from 'valibot';
import { pairModels, type PairModel } from '../contract/host-procedures.ts';
import { failbackSettingsSchema } from '../contract/pair-rows.ts';
import { defaultPairSettings, pairSettingsSchema } from '../contract/pair-settings.ts';
import type { NodeId } from '../pair/pair-machine.ts';

export interface PairRecord {
  /** Null for one node alone. */
  model: PairModel | null;
  /** Who serves, or was last told to. */
  active: NodeId;
  epoch: number;
  /** Over a shared store: whose folder it is. */
  store: NodeId;
  /** In a replicated pair: whether the other one has everything, so that it may serve. */
  level: boolean;
  /** What can be lost without harm: settings, a drain under way, and what earlier runs were like. */
  keeps: PairKeeps;
}

export type PairKeeps = v.InferOutput<typeof keepsSchema>;
export type DrainJob = NonNullable<PairKeeps['drain']>;

const skippedSchema = v.object({
  vhost: v.string(),
  queue: v.string(),
  messages: v.number(),
  reason: v.string(),
});
const keepsSchema = v.object({
  /** Limits may have changed since they were written. */
  settings: v.optional(v.fallback(pairSettingsSchema, defaultPairSettings), {}),
  failback: v.optional(failbackSettingsSchema, {
    mode: 'manual',
    preferredId: 'a',
    at: null,
    healthySeconds: 60,
    drainFirst: true,
  }),
  /** Under which epoch the failback to come was called off. */
  failbackCancelled: v.optional(v.number(), 0),
  drainsByItself: v.optional(v.boolean(), false),
  drain: v.optional(
    v.nullable(
      v.object({
        id: v.string(),
        fromId: v.picklist(['a', 'b']),
        state: v.picklist(['running', 'paused']),
        startedAt: v.number(),
        /** As last heard, for while the node is away. */
        drained: v.optional(v.number(), 0),
      }),
    ),
    null,
  ),
  drainResults: v.optional(
    v.array(
      v.object({
        fromId: v.string(),
        toId: v.nullable(v.string()),
        startedAt: v.number(),
        endedAt: v.number(),
        outcome: v.picklist(['completed', 'cancelled', 'overtaken']),
        drained: v.number(),
        left: v.number(),
        skipped: v.array(skippedSchema),
      }),
    ),
    [],
  ),
  outages: v.optional(
    v.array(
      v.object({
        at: v.number(),
        model: v.string(),
        kind: v.picklist(['switch-over', 'failure']),
        outageMs: v.number(),
      }),
    ),
    [],
  ),
});

const firstRecord: PairRecord = {
  model: null,
  active: 'a',
  epoch: 0,
  store: 'a',
  level: false,
  keeps: v.parse(keepsSchema, {}),
};

export class PairStateFile {
  record: PairRecord;
  readonly #path: string;
  readonly #storage: Storage;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, record: PairRecord, storage: Storage) {
    this.#path = path;
    this.#storage = storage;
    this.record = record;
  }

  /** Rejects when the file is there and makes no sense: a guess here could start the wrong node. */
  static async open(path: string, storage: Storage = osStorage): Promise<PairStateFile> {
    let text: string;
    try {
      text = (await storage.read(path)).toString();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return new PairStateFile(path, firstRecord, storage);
    }
    return new PairStateFile(path, parse(text, path), storage);
  }

  get keeps(): PairKeeps {
    return this.record.keeps;
  }

  /** Resolves when it is on the disk. */
  keep(change: Partial<PairKeeps>): Promise<void> {
    return this.write({ keeps: { ...this.record.keeps, ...change } });
  }

  /** Resolves when it is on the disk. Changes are written one after the other. */
  write(change: Partial<PairRecord>): Promise<void> {
    this.record = { ...this.record, ...change };
    const text = JSON.stringify(this.record);
    const written = this.#writing.then(() => replaceFile(this.#path, text, this.#storage));
    this.#writing = written.catch(() => undefined);
    return written;
  }
}

function parse(text: string, path: string): PairRecord {
  let read: Partial<PairRecord> | null = null;
  try {
    read = JSON.parse(text) as Partial<PairRecord>;
  } catch {
    // Said below.
  }
  const { model = null, active, epoch, store = 'a', level = false } = read ?? {};
  const isModel = model === null || (pairModels as readonly string[]).includes(model);
  if (!isModel || (active !== 'a' && active !== 'b') || !Number.isSafeInteger(epoch) || epoch! < 0)
    throw new Error(`${path} does not say which node served: ${text.slice(0, 100)}`);
  const keeps = v.safeParse(keepsSchema, read?.keeps ?? {});
  return {
    model,
    active,
    epoch: epoch!,
    store,
    level,
    keeps: keeps.success ? keeps.output : firstRecord.keeps,
  };
}
