// The confirm and tx classes.
import type { Conversations } from './conversations.ts';
import type { Party, Script } from '../script.ts';

async function withQueue(s: Script, queue: string): Promise<Party> {
  const c = await s.open();
  await c.openChannel(1);
  await c.call(1, 'queue.declare', { queue, exclusive: true });
  return c;
}

export const confirmAndTx: Conversations = {
  'publishes are confirmed in order, one at a time': async (s) => {
    const c = await withQueue(s, 'c1');
    await c.call(1, 'confirm.select');
    for (let i = 0; i < 3; i++) {
      c.publish(1, '', 'c1', String(i));
      await c.hear();
    }
    await c.close();
  },
  'confirm.select twice is answered twice': async (s) => {
    const c = await withQueue(s, 'c2');
    await c.call(1, 'confirm.select');
    await c.call(1, 'confirm.select');
    await c.close();
  },
  'confirm.select with no-wait says nothing': async (s) => {
    const c = await withQueue(s, 'c3');
    c.send(1, 'confirm.select', { noWait: true });
    c.publish(1, '', 'c3', 'x');
    await c.hear();
    await c.close();
  },
  'the return comes before the confirm': async (s) => {
    const c = await withQueue(s, 'c4');
    await c.call(1, 'confirm.select');
    c.publish(1, 'amq.direct', 'nobody', 'x', {}, { mandatory: true });
    await c.hear(2);
    await c.close();
  },
  'unroutable and not mandatory is confirmed': async (s) => {
    const c = await withQueue(s, 'c5');
    await c.call(1, 'confirm.select');
    c.publish(1, 'amq.direct', 'nobody', 'x');
    await c.hear();
    await c.close();
  },
  'a publish refused by a missing exchange closes the channel': async (s) => {
    const c = await withQueue(s, 'c6');
    await c.call(1, 'confirm.select');
    c.publish(1, 'nowhere', 'k', 'x');
    await c.hear();
  },
  'confirm after tx is 406': async (s) => {
    const c = await withQueue(s, 'c7');
    await c.call(1, 'tx.select');
    await c.call(1, 'confirm.select');
  },
  'tx after confirm is 406': async (s) => {
    const c = await withQueue(s, 'c8');
    await c.call(1, 'confirm.select');
    await c.call(1, 'tx.select');
  },
  'commit without select is 406': async (s) => {
    const c = await withQueue(s, 'c9');
    await c.call(1, 'tx.commit');
  },
  'rollback without select is 406': async (s) => {
    const c = await withQueue(s, 'c10');
    await c.call(1, 'tx.rollback');
  },
  'commit publishes, rollback forgets': async (s) => {
    const c = await withQueue(s, 'c11');
    await c.openChannel(2);
    await c.call(2, 'tx.select');
    c.publish(2, '', 'c11', 'kept');
    await c.call(1, 'queue.declare', { queue: 'c11', passive: true });
    await c.call(2, 'tx.commit');
    await c.call(1, 'basic.get', { queue: 'c11', noAck: true });
    c.publish(2, '', 'c11', 'forgotten');
    await c.call(2, 'tx.rollback');
    await c.call(2, 'tx.commit');
    await c.call(1, 'basic.get', { queue: 'c11', noAck: true });
    await c.close();
  },
  'acknowledgements wait for the commit': async (s) => {
    const c = await withQueue(s, 'c12');
    c.publish(1, '', 'c12', 'x');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await c.openChannel(2);
    await c.call(2, 'tx.select');
    await c.call(2, 'basic.get', { queue: 'c12' });
    c.send(2, 'basic.ack', { deliveryTag: 1 });
    await c.call(2, 'tx.rollback');
    await c.call(2, 'channel.close', { replyCode: 200 });
    await c.call(1, 'basic.get', { queue: 'c12', noAck: true });
    await c.close();
  },
  'a mandatory publish in a transaction is returned at the commit': async (s) => {
    const c = await withQueue(s, 'c13');
    await c.call(1, 'tx.select');
    c.publish(1, 'amq.direct', 'nobody', 'x', {}, { mandatory: true });
    await c.silence();
    await c.call(1, 'tx.commit', {}, 2);
    await c.close();
  },
};
