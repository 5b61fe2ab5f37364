// Permission checks as a channel makes them; RabbitMQ's texts.
import { ChannelError, ReplyCode } from '../amqp/reply-codes.ts';
import type { Permission } from '../auth/access-control.ts';
import type { ChannelHost } from './channel-host.ts';

export function requirePermission(
  host: ChannelHost,
  permission: Permission,
  kind: 'queue' | 'exchange',
  name: string,
): void {
  const { access } = host.services;
  if (access.may(host.user.name, host.vhost.name, permission, name)) return;
  throw new ChannelError(
    ReplyCode.ACCESS_REFUSED,
    `access to ${kind} '${name === '' ? 'amq.default' : name}' in vhost '${host.vhost.name}' refused for user '${host.user.name}'`,
  );
}

/** Topic permissions, for publishing to and binding from topic exchanges. */
export function requireTopicPermission(
  host: ChannelHost,
  permission: 'write' | 'read',
  exchange: string,
  routingKey: string,
): void {
  const { user, vhost } = host;
  const variables = { username: user.name, vhost: vhost.name };
  if (host.services.access.mayTopic(user.name, vhost.name, exchange, permission, routingKey, variables))
    return;
  throw new ChannelError(
    ReplyCode.ACCESS_REFUSED,
    `access to topic '${routingKey}' in exchange '${exchange}' in vhost '${vhost.name}' refused for user '${user.name}'`,
  );
}
