// RabbitMQ's name for one binding among those between the same two ends: the routing key, and a hash of the
// arguments where there are any; `~` for neither.
import { createHash } from 'node:crypto';
import { encodeTable, type FieldTable } from '../amqp/field-table.ts';

export function propertiesKeyOf(routingKey: string, args: FieldTable): string {
  if (args.size === 0) return routingKey === '' ? '~' : escapeTilde(routingKey);
  const hash = createHash('md5').update(encodeTable(args)).digest('base64url');
  return `${escapeTilde(routingKey)}~${hash}`;
}

function escapeTilde(text: string): string {
  return text.replace(/~/g, '%7E');
}
