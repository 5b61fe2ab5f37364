// What a node is handing over to the pair's other node, written down before it goes out: the messages of one batch, by
// their records in this node's journal. After a restart they are held back again until the other node has said which
// of them it has; and the count of what was drained goes on (R33c).
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { replaceFile } from '../base/replace-file.ts';
import type { Storage } from '../base/storage.ts';

const batchSchema = v.object({
  number: v.number(),
  vhost: v.string(),
  queue: v.string(),
  /** By place in the batch; 0 for one that no restart brings back. */
  records: v.array(v.number()),
});

const outboxSchema = v.object({
  id: v.string(),
  /** Of the journal that the records are in. */
  lineage: v.string(),
  lastBatch: v.number(),
  /** Which drain it counts for, and what that had drained before this batch. */
  job: v.string(),
  drained: v.number(),
  batch: v.nullable(batchSchema),
});

export type OutboxRecord = v.InferOutput<typeof outboxSchema>;

const folderName = 'drain';
const fileName = 'outbox.json';

export class DrainOutbox {
  record: OutboxRecord;
  readonly #path: string;
  readonly #storage: Storage;

  private constructor(path: string, storage: Storage, record: OutboxRecord) {
    this.#path = path;
    this.#storage = storage;
    this.record = record;
  }

  /** One that was written for another journal is void. Rejects when the file makes no sense. */
  static async open(dataFolder: string, lineage: string, storage: Storage): Promise<DrainOutbox> {
    const path = join(dataFolder, folderName, fileName);
    const fresh: OutboxRecord = {
      id: randomBytes(12).toString('hex'),
      lineage,
      lastBatch: 0,
      job: '',
      drained: 0,
      batch: null,
    };
    const names = await storage.list(join(dataFolder, folderName));
    if (!names.includes(fileName)) return new DrainOutbox(path, storage, fresh);
    const read = v.parse(outboxSchema, JSON.parse((await storage.read(path)).toString()));
    return new DrainOutbox(path, storage, read.lineage === lineage ? read : fresh);
  }

  /** Resolves when it is on the disk. */
  async write(change: Partial<OutboxRecord>): Promise<void> {
    const record = { ...this.record, ...change };
    await replaceFile(this.#path, JSON.stringify(record), this.#storage);
    this.record = record;
  }
}
