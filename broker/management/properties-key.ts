// RabbitMQ's name for one binding among those between the same two ends: the routing key, and a hash of the
// arguments where there are any; `~` for neither.
import { createHash } from 'node:crypto';
import { encodeTable, type FieldTable } from '../amqp/field-table.ts';

export function propertiesKeyOf(routingKey: string, args: FieldTable): string {
  if (args.size === 0) return routingKey === '' ? '~' : quoted(routingKey);
  const hash = createHash('md5').update(encodeTable(args)).digest('base64url');
  return `${quoted(routingKey)}~${hash}`;
}

/** As RabbitMQ quotes it: letters, digits, `.`, `-` and `_` stay, a blank becomes `+`. */
function quoted(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, '+');
}
