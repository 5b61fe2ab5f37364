// amqplib as the specs use it: a client that knows nothing of Warren.
import amqplib, { type ConfirmChannel } from 'amqplib';

/** Runs `use` on a channel in confirm mode of a connection of its own. */
export async function withChannel<Value>(
  uri: string,
  use: (channel: ConfirmChannel) => Promise<Value>,
): Promise<Value> {
  const connection = await amqplib.connect(uri);
  try {
    const channel = await connection.createConfirmChannel();
    // A refused method rejects its own promise; amqplib emits it besides.
    channel.on('error', () => undefined);
    const value = await use(channel);
    // Closing the connection would overtake what the channel still has to send.
    await channel.close();
    return value;
  } finally {
    await connection.close();
  }
}
