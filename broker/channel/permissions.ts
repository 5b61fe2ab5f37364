// What a user may do in a virtual host, operation by operation: channels ask before they act, and so does the
// management for those who come over HTTP. RabbitMQ's texts, and its order of questions.
import { stringOf, type FieldTable } from '../amqp/field-table.ts';
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import type { AccessControl, Permission, User } from '../auth/access-control.ts';
import type { Message } from '../vhost/message.ts';
import type { BindingRequest, Vhost } from '../vhost/vhost.ts';

/** Whose permissions count, and where. */
export interface Actor {
  readonly services: { readonly access: AccessControl };
  readonly vhost: Vhost;
  readonly user: User;
}

export function requirePermission(
  actor: Actor,
  permission: Permission,
  kind: 'queue' | 'exchange',
  name: string,
): void {
  const { services, vhost, user } = actor;
  if (services.access.may(user.name, vhost.name, permission, name)) return;
  throw new ChannelError(
    ReplyCode.ACCESS_REFUSED,
    `access to ${kind} '${name === '' ? 'amq.default' : name}' in vhost '${vhost.name}' refused for user '${user.name}'`,
  );
}

/** Topic permissions, for publishing to and binding from topic exchanges; others need none. */
export function requireTopicPermission(
  actor: Actor,
  permission: 'write' | 'read',
  exchange: string,
  routingKey: string,
): void {
  const { services, vhost, user } = actor;
  if (vhost.exchanges.get(exchange)?.type !== 'topic') return;
  const variables = { username: user.name, vhost: vhost.name };
  if (services.access.mayTopic(user.name, vhost.name, exchange, permission, routingKey, variables)) return;
  throw new ChannelError(
    ReplyCode.ACCESS_REFUSED,
    `access to topic '${routingKey}' in exchange '${exchange}' in vhost '${vhost.name}' refused for user '${user.name}'`,
  );
}

/** Who dead-letters reads the queue and writes to the exchange. */
export function requireQueueDeclaration(actor: Actor, name: string, args: FieldTable): void {
  requirePermission(actor, 'configure', 'queue', name);
  const deadLetters = stringOf(args.get('x-dead-letter-exchange'));
  if (deadLetters === null || actor.vhost.queues.has(name)) return;
  requirePermission(actor, 'read', 'queue', name);
  requirePermission(actor, 'write', 'exchange', deadLetters);
}

/** An alternate exchange is read from and written to. */
export function requireExchangeDeclaration(actor: Actor, name: string, args: FieldTable): void {
  requirePermission(actor, 'configure', 'exchange', name);
  const alternate = stringOf(args.get('alternate-exchange'));
  if (alternate === null || actor.vhost.exchanges.has(name)) return;
  requirePermission(actor, 'read', 'exchange', name);
  requirePermission(actor, 'write', 'exchange', alternate);
}

/** For binding and unbinding alike; the default exchange has no bindings to make. */
export function requireBinding(actor: Actor, request: Omit<BindingRequest, 'arguments'>): void {
  const { source, destination, destinationType, routingKey } = request;
  requirePermission(actor, 'write', destinationType, destination);
  if (destinationType === 'exchange') actor.vhost.refuseDefaultExchange(destination);
  actor.vhost.refuseDefaultExchange(source);
  requirePermission(actor, 'read', 'exchange', source);
  requireTopicPermission(actor, 'read', source, routingKey);
}

/** Throws ChannelError 406 for a user-id that is another's, and for an expiration that is no time. */
export function checkProperties(user: User, message: Message): void {
  if (message.userId !== null && message.userId !== user.name && !user.tags.includes('impersonator'))
    throw new ChannelError(
      ReplyCode.PRECONDITION_FAILED,
      `user_id property set to '${message.userId}' but authenticated user was '${user.name}'`,
    );
  if (Number.isNaN(message.expirationMs))
    throw new ChannelError(
      ReplyCode.PRECONDITION_FAILED,
      `invalid expiration '${message.expiration}': ${expirationProblem(message.expiration!)}`,
    );
}

function expirationProblem(text: string): string {
  const [, number, rest] = /^([+-]?[0-9]+)(.*)$/s.exec(text) ?? [];
  if (number === undefined) return 'no_integer';
  if (rest !== '') return `{leftover_string,${JSON.stringify(rest)}}`;
  return `{${number.startsWith('-') ? 'value_negative' : 'value_too_large'},${BigInt(number)}}`;
}
