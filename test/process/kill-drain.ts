// Takes a queue's messages as a client does, in order, and acknowledges them.
import { ClientConnection } from '../../broker/lab/client-connection.ts';
import type { Ledger } from './kill-ledger.ts';
import { damageIn, nameIn, nameText } from './kill-message.ts';
import { deadQueue } from './kill-topology.ts';

/** Answers what was wrong with them. */
export async function drain(port: number, queue: string, ledger: Ledger): Promise<string[]> {
  const failures: string[] = [];
  const newest = new Map<string, number>();
  const connection = await ClientConnection.open({ host: '127.0.0.1', port });
  const channel = await connection.openChannel();
  for (let taken = await channel.get(queue); taken; taken = await channel.get(queue)) {
    const name = nameIn(taken.properties().messageId);
    const message = ledger.get(name);
    if (!name || !message) {
      failures.push(`${queue} gave what nobody sent`);
      continue;
    }
    const text = nameText(name);
    const damage = damageIn(taken.body, name.sequence, message.size);
    if (damage) failures.push(`${queue} gave ${text} damaged: ${damage}`);
    const before = newest.get(name.publisher) ?? -1;
    if (queue !== deadQueue && name.sequence <= before)
      failures.push(`${queue} gave ${text} after number ${before}`);
    newest.set(name.publisher, name.sequence);
    if (queue === deadQueue) message.buried = true;
    message.seenFrom.add(queue);
    ledger.acknowledging(message, queue);
    channel.ack(taken.deliveryTag);
  }
  // Answered behind the acknowledgements.
  await channel.prefetch(1);
  await connection.close();
  return failures;
}
