// What concerns the whole broker, so that nothing else may go on meanwhile: alarms, and the end.
import type { FieldTable } from '../../../broker/amqp/field-table.ts';
import { allCapabilities } from '../raw-client.ts';
import type { Conversations } from './conversations.ts';

const withoutBlocked: FieldTable = new Map(
  [...allCapabilities].filter(([name]) => name !== 'connection.blocked'),
);

export const alone: Conversations = {
  'low on memory: publishers are told and held, consumers go on': async (s) => {
    const publisher = await s.open('publisher');
    await publisher.openChannel(1);
    await publisher.call(1, 'queue.declare', { queue: 'alarm1', autoDelete: true });
    const consumer = await s.open('consumer');
    await consumer.openChannel(1);
    for (const body of ['1', '2']) publisher.publish(1, '', 'alarm1', body);
    await publisher.call(1, 'basic.qos');
    await s.peer.setLow('memory', true);
    publisher.publish(1, '', 'alarm1', '3');
    await publisher.hear();
    publisher.publish(1, '', 'alarm1', 'held');
    await publisher.silence();
    await consumer.call(1, 'basic.consume', { queue: 'alarm1', consumerTag: 't' }, 3);
    consumer.send(1, 'basic.ack', { deliveryTag: 2, multiple: true });
    await consumer.call(1, 'queue.declare', { queue: 'alarm1', passive: true });
    await consumer.silence();
    await s.peer.setLow('memory', false);
    await publisher.hear();
    await consumer.hear(2);
    await publisher.close();
    await consumer.close();
  },
  'low on disk': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await s.peer.setLow('disk', true);
    c.publish(1, 'amq.direct', 'nobody', 'x');
    await c.hear();
    await s.peer.setLow('disk', false);
    await c.hear();
    await c.close();
  },
  'low on both: told once, and let go when both are over': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await s.peer.setLow('memory', true);
    await s.peer.setLow('disk', true);
    c.publish(1, 'amq.direct', 'nobody', 'x');
    await c.hear();
    await s.peer.setLow('memory', false);
    await c.silence(500);
    await s.peer.setLow('disk', false);
    await c.hear();
    await c.close();
  },
  'opened while low: a publisher is told at its first publish': async (s) => {
    await s.peer.setLow('memory', true);
    const c = await s.open();
    await c.openChannel(1);
    await c.silence();
    c.publish(1, 'amq.direct', 'nobody', 'x');
    await c.hear();
    await s.peer.setLow('memory', false);
    await c.hear();
    await c.close();
  },
  'a client without the capability is held, not told': async (s) => {
    const c = await s.open('', { capabilities: withoutBlocked });
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'alarm2', exclusive: true });
    await s.peer.setLow('memory', true);
    c.publish(1, '', 'alarm2', 'x');
    c.send(1, 'basic.qos');
    await c.silence(500);
    await s.peer.setLow('memory', false);
    await c.hear();
    await c.close();
  },
  'the broker is shut down': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    const down = s.peer.shutDown();
    await c.hear();
    c.send(0, 'connection.close-ok');
    await down;
  },
};
