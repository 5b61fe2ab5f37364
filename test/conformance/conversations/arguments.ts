// Arguments of queues and consumers: which values are taken, which redeclaration is the same queue.
import type { FieldTable, TypedValue } from '../../../broker/amqp/field-table.ts';
import type { Arguments } from '../../../broker/contract/rows.ts';
import type { Conversations } from './conversations.ts';

export const arguments_: Conversations = {
  'two wrong arguments: one is named': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'arg-two',
      exclusive: true,
      arguments: { 'x-overflow': 'explode', 'x-max-length': -1, 'x-expires': 0 },
    });
  },
  'a wrong value and an argument of another type': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'arg-mixed',
      exclusive: true,
      arguments: { 'x-delivery-limit': 3, 'x-max-length': -1 },
    });
  },
  'a redeclaration is checked for equivalence, not for values': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'arg-eq',
      exclusive: true,
      arguments: { 'x-max-length': 3 },
    });
    await c.call(1, 'queue.declare', {
      queue: 'arg-eq',
      exclusive: true,
      arguments: { 'x-max-length': -1 },
    });
  },
  'a redeclaration with an argument of another queue type': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'arg-other', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'arg-other',
      exclusive: true,
      arguments: { 'x-delivery-limit': 5 },
    });
    await c.close();
  },
  'classic is the type that is meant when none is': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'arg-classic', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'arg-classic',
      exclusive: true,
      arguments: { 'x-queue-type': 'classic' },
    });
    await c.call(1, 'queue.declare', { queue: 'arg-classic', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'arg-classic',
      exclusive: true,
      arguments: { 'x-queue-type': 'quorum' },
    });
  },
  'passive looks at no argument': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: 'arg-passive', exclusive: true });
    await c.call(1, 'queue.declare', {
      queue: 'arg-passive',
      passive: true,
      durable: true,
      arguments: { 'x-max-length': -1 },
    });
    await c.close();
  },
  'an array and a table as unknown arguments': async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: 'arg-odd',
      exclusive: true,
      arguments: { list: [1, 'a', { b: [null] }], table: { deep: { deeper: 1.5 } } },
    });
    await c.close();
  },
};

const values: [string, Arguments | FieldTable][] = [
  ['x-expires text', { 'x-expires': 'soon' }],
  ['x-expires too large', { 'x-expires': 4_294_967_296 }],
  ['x-expires the largest', { 'x-expires': 4_294_967_295 }],
  ['x-message-ttl too large', { 'x-message-ttl': 315_360_000_001 }],
  ['x-message-ttl of ten years', { 'x-message-ttl': 315_360_000_000 }],
  ['x-message-ttl list', { 'x-message-ttl': [1] }],
  ['x-message-ttl void', { 'x-message-ttl': null }],
  ['x-max-length fraction', { 'x-max-length': 1.5 }],
  ['x-max-length whole fraction', new Map([['x-max-length', { type: 'd', value: 5 }]])],
  ['x-max-length zero', { 'x-max-length': 0 }],
  ['x-max-length-bytes true', { 'x-max-length-bytes': true }],
  ['x-max-length-bytes zero', { 'x-max-length-bytes': 0 }],
  ['x-max-priority text', { 'x-max-priority': 'high' }],
  ['x-max-priority zero', { 'x-max-priority': 0 }],
  ['x-max-priority the highest', { 'x-max-priority': 255 }],
  ['x-max-priority one too many', { 'x-max-priority': 256 }],
  ['x-overflow in capitals', { 'x-overflow': 'Drop-Head' }],
  ['x-queue-mode number', { 'x-queue-mode': 1 }],
  ['x-queue-mode lazy', { 'x-queue-mode': 'lazy' }],
  ['x-queue-version 2', { 'x-queue-version': 2 }],
  ['x-queue-version 3', { 'x-queue-version': 3 }],
  ['x-queue-version text', { 'x-queue-version': 'two' }],
  ['x-queue-version negative', { 'x-queue-version': -1 }],
  ['x-single-active-consumer number', { 'x-single-active-consumer': 1 }],
  ['x-dead-letter-strategy on a classic queue', { 'x-dead-letter-strategy': 'at-least-once' }],
  ['x-queue-leader-locator on a classic queue', { 'x-queue-leader-locator': 'balanced' }],
  ['x-queue-master-locator', { 'x-queue-master-locator': 'client-local' }],
  ['x-queue-master-locator number', { 'x-queue-master-locator': 7 }],
  ['x-max-in-memory-length on a classic queue', { 'x-max-in-memory-length': 10 }],
  ['x-quorum-initial-group-size on a classic queue', { 'x-quorum-initial-group-size': 1 }],
  ['x-stream-max-segment-size-bytes on a classic queue', { 'x-stream-max-segment-size-bytes': 1 }],
  ['x-initial-cluster-size on a classic queue', { 'x-initial-cluster-size': 1 }],
  ['x-queue-type empty', { 'x-queue-type': '' }],
  ['x-queue-type in capitals', { 'x-queue-type': 'Classic' }],
  ['x-queue-type true', { 'x-queue-type': true }],
  ['x-dead-letter-exchange empty', { 'x-dead-letter-exchange': '' }],
  ['x-dead-letter-exchange true', { 'x-dead-letter-exchange': true }],
  ['x-dead-letter-exchange void', { 'x-dead-letter-exchange': null }],
  ['x-dead-letter-routing-key true', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': true }],
  ['x-consumer-timeout', { 'x-consumer-timeout': 1000 }],
];
for (const [index, [name, args]] of values.entries())
  arguments_[name] = async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: `val${index}`, exclusive: true, arguments: args });
    await c.close();
  };

const integers: [string, TypedValue][] = [
  ['signed octet b', { type: 'b', value: 100 }],
  ['octet B', { type: 'B', value: 100 }],
  ['signed short s', { type: 's', value: 100 }],
  ['short u', { type: 'u', value: 100 }],
  ['signed long I', { type: 'I', value: 100 }],
  ['long i', { type: 'i', value: 100 }],
  ['signed long long l', { type: 'l', value: 100 }],
  ['timestamp T', { type: 'T', value: 100 }],
  ['float f', { type: 'f', value: 100 }],
  ['double d', { type: 'd', value: 100 }],
  ['decimal D', { type: 'D', value: { scale: 0, unscaled: 100 } }],
  ['text S', { type: 'S', value: Buffer.from('100') }],
  ['bytes x', { type: 'x', value: Buffer.from('100') }],
];
for (const [index, [name, value]] of integers.entries()) {
  arguments_[`x-max-length as ${name}`] = async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', {
      queue: `int${index}`,
      exclusive: true,
      arguments: new Map([['x-max-length', value]]),
    });
    await c.close();
  };
  arguments_[`x-max-length 100 redeclared as ${name}`] = async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    const queue = `same${index}`;
    await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: { 'x-max-length': 100 } });
    await c.call(1, 'queue.declare', {
      queue,
      exclusive: true,
      arguments: new Map([['x-max-length', value]]),
    });
    await c.close();
  };
}

/** Declared with the first, redeclared with the second. */
const pairs: [string, Arguments, Arguments][] = [
  ['x-overflow', { 'x-overflow': 'drop-head' }, { 'x-overflow': 'reject-publish' }],
  ['x-overflow left out', { 'x-overflow': 'drop-head' }, {}],
  ['x-overflow added', {}, { 'x-overflow': 'drop-head' }],
  ['x-single-active-consumer', { 'x-single-active-consumer': true }, { 'x-single-active-consumer': false }],
  ['x-single-active-consumer left out', { 'x-single-active-consumer': true }, {}],
  ['x-max-priority', { 'x-max-priority': 5 }, { 'x-max-priority': 6 }],
  ['x-queue-mode', { 'x-queue-mode': 'lazy' }, { 'x-queue-mode': 'default' }],
  ['x-queue-mode added', {}, { 'x-queue-mode': 'lazy' }],
  ['x-queue-version added', {}, { 'x-queue-version': 1 }],
  ['x-expires', { 'x-expires': 60_000 }, { 'x-expires': 60_001 }],
  ['x-max-length-bytes', { 'x-max-length-bytes': 10 }, { 'x-max-length-bytes': 11 }],
  [
    'x-dead-letter-exchange',
    { 'x-dead-letter-exchange': 'amq.direct' },
    { 'x-dead-letter-exchange': 'amq.fanout' },
  ],
  [
    'x-dead-letter-routing-key',
    { 'x-dead-letter-exchange': 'a', 'x-dead-letter-routing-key': 'k' },
    { 'x-dead-letter-exchange': 'a' },
  ],
  ['x-queue-master-locator added', {}, { 'x-queue-master-locator': 'client-local' }],
  ['x-consumer-timeout added', {}, { 'x-consumer-timeout': 1000 }],
];
for (const [index, [name, first, second]] of pairs.entries())
  arguments_[`redeclared: ${name}`] = async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    const queue = `pair${index}`;
    await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: first });
    await c.call(1, 'queue.declare', { queue, exclusive: true, arguments: second });
    await c.close();
  };

const consumer: [string, Arguments | FieldTable][] = [
  ['x-priority negative', { 'x-priority': -5 }],
  ['x-priority fraction', { 'x-priority': 1.5 }],
  ['x-priority void', { 'x-priority': null }],
  ['x-cancel-on-ha-failover', { 'x-cancel-on-ha-failover': true }],
  ['x-cancel-on-ha-failover text', { 'x-cancel-on-ha-failover': 'yes' }],
  ['x-stream-offset on a classic queue', { 'x-stream-offset': 'first' }],
  ['unknown', { 'x-unheard-of': 1 }],
];
for (const [index, [name, args]] of consumer.entries())
  arguments_[`consumer: ${name}`] = async (s) => {
    const c = await s.open();
    await c.openChannel(1);
    await c.call(1, 'queue.declare', { queue: `con${index}`, exclusive: true });
    await c.call(1, 'basic.consume', { queue: `con${index}`, consumerTag: 't', arguments: args });
    await c.close();
  };
