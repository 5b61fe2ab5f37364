// Messages that were drained from the pair's other node (R33c). Each says where it comes from in a header. In the
// journal a drained message has a holder besides its queue, the mark: the record outlives the message in the queue
// until the other node is known to have let go of it, so that what was drained and what is known to be drained are one
// write, and nothing is drained twice.
import type { FieldTable, TypedValue } from '../amqp/field-table.ts';
import { integerOf, longString, stringOf } from '../amqp/field-table.ts';
import { encodeProperties } from '../amqp/properties.ts';
import { composeMessage, type Message } from './message.ts';

/** A table: `node`, `epoch`, `id`, and `redelivered` where it had been handed out before. */
export const drainedHeader = 'x-warren-drained-from';

/** The journal's holder number of the marks; queues count from 1. */
export const drainMark = 0xffff_ffff;

export interface DrainOrigin {
  /** The node it was stranded on, by name. */
  node: string;
  /** Under which that node served last. */
  epoch: number;
  /** Of the outbox it left by. */
  outbox: string;
  batch: number;
  /** Its place in the batch. */
  index: number;
}

/** The message as it arrives: as it was, and marked. A mark of an earlier drain gives way to this one. */
export function drainedMessage(message: Message, origin: DrainOrigin, redelivered: boolean): Message {
  const properties = message.decodedProperties();
  const headers: FieldTable = new Map(properties.headers ?? []);
  const { node, epoch, outbox, batch, index } = origin;
  const mark = new Map<string, TypedValue>([
    ['node', longString(node)],
    ['epoch', { type: 'l', value: epoch }],
    ['id', longString(`${outbox}/${batch}/${index}`)],
  ]);
  if (redelivered) mark.set('redelivered', { type: 't', value: true });
  headers.set(drainedHeader, { type: 'F', value: mark });
  const encoded = encodeProperties({ ...properties, headers });
  return composeMessage(message.exchange, message.routingKey, encoded, message.body, message.receivedAt);
}

/** Where a message was drained from; null when its header does not say. */
export function drainOriginOf(message: Message): DrainOrigin | null {
  const header = message.hasHeaders ? message.headers().get(drainedHeader) : undefined;
  if (header?.type !== 'F') return null;
  const id = stringOf(header.value.get('id'))?.split('/');
  const epoch = header.value.get('epoch');
  if (id?.length !== 3) return null;
  return {
    node: stringOf(header.value.get('node')) ?? '',
    epoch: (epoch && integerOf(epoch)) ?? 0,
    outbox: id[0]!,
    batch: Number(id[1]),
    index: Number(id[2]),
  };
}
