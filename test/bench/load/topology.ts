// The exchanges, queues and bindings that a load needs, declared over a connection of its own and taken away after.
import { writeKeyNumber, type PublishTemplate } from './frames.ts';
import { LoadConnection } from './load-connection.ts';
import type { FlowScenario } from './scenario.ts';

export interface Topology {
  exchange: string;
  queues: string[];
  remove(): Promise<void>;
}

/** Words of fixed width, so that numbers can be written into a finished frame: a unique one, one that the bindings
 * tell apart, and a unique one again. */
export const topicKey = 'u00000000.w0000.e00000000';
const uniqueAt = 1;
const wordAt = 11;
const endAt = 17;

/** Three shapes of wildcard binding in turn; each key matches exactly one of all. */
function bindingKey(index: number): string {
  const word = `w${String(index).padStart(4, '0')}`;
  return [`*.${word}.*`, `*.${word}.#`, `#.${word}.*`][index % 3]!;
}

/** Message n goes to binding n mod `bindings`, and so to queue n mod the number of queues. */
export function topicKeyPatch(template: PublishTemplate, bindings: number) {
  const { keyAt } = template;
  return (bytes: Buffer, messageAt: number, number: number): void => {
    const at = messageAt + keyAt;
    writeKeyNumber(bytes, at + uniqueAt, 8, number);
    writeKeyNumber(bytes, at + wordAt, 4, number % bindings);
    writeKeyNumber(bytes, at + endAt, 8, number);
  };
}

export async function declareTopology(
  port: number,
  scenario: Pick<FlowScenario, 'topology' | 'queues' | 'durable' | 'bindings'>,
  failed: (error: Error) => void,
): Promise<Topology> {
  const control = await LoadConnection.open(port, failed, 64 * 1024);
  await control.openChannel(1);
  const exchange = scenario.topology === 'queue' ? '' : 'load';
  const queues = Array.from({ length: scenario.queues }, (_, index) => `load-${index}`);
  const remove = async () => {
    for (const queue of queues)
      await control.call(1, 'queue.delete', { ...named(queue), ifUnused: false, ifEmpty: false });
    if (exchange !== '')
      await control.call(1, 'exchange.delete', {
        reserved1: 0,
        exchange,
        ifUnused: false,
        noWait: false,
      });
    control.destroy();
  };
  if (exchange !== '')
    await control.call(1, 'exchange.declare', {
      reserved1: 0,
      exchange,
      type: scenario.topology,
      passive: false,
      durable: false,
      autoDelete: false,
      internal: false,
      noWait: false,
      arguments: new Map(),
    });
  for (const queue of queues)
    await control.call(1, 'queue.declare', {
      ...named(queue),
      passive: false,
      durable: scenario.durable,
      exclusive: false,
      autoDelete: false,
      arguments: new Map(),
    });
  const bindings = scenario.topology === 'topic' ? scenario.bindings : scenario.queues;
  if (exchange !== '')
    for (let index = 0; index < bindings; index++)
      await control.call(1, 'queue.bind', {
        ...named(queues[index % queues.length]!),
        exchange,
        routingKey: scenario.topology === 'topic' ? bindingKey(index) : '',
        arguments: new Map(),
      });
  return { exchange, queues, remove };
}

function named(queue: string) {
  return { reserved1: 0, queue, noWait: false } as const;
}
