// The limits that are set for virtual hosts and users on how many connections and channels they may have. RabbitMQ's
// texts.
import type { User } from '../auth/access-control.ts';
import { limitIn } from '../vhost/parameters.ts';
import type { Vhost } from '../vhost/vhost.ts';
import type { ConnectionRegistry } from './connection-registry.ts';

/** Why one more connection of the user into the virtual host is refused, null when it is not. */
export function connectionRefusal(connections: ConnectionRegistry, vhost: Vhost, user: User): string | null {
  const running = () => connections.all().filter((each) => each.state === 'running');
  const ofVhost = vhost.parameters.limit('max-connections');
  if (ofVhost !== Infinity && running().filter((each) => each.vhostName === vhost.name).length >= ofVhost)
    return `access to vhost '${vhost.name}' refused for user '${user.name}': connection limit (${ofVhost}) is reached`;
  const ofUser = limitIn(user.limits ?? {}, 'max-connections');
  if (ofUser !== Infinity && running().filter((each) => each.userName === user.name).length >= ofUser)
    return `connection refused for user '${user.name}': user connection limit (${ofUser}) is reached`;
  return null;
}

/** Why one more channel of the user is refused, null when it is not. */
export function channelRefusal(connections: ConnectionRegistry, user: User): string | null {
  const limit = limitIn(user.limits ?? {}, 'max-channels');
  if (limit === Infinity) return null;
  const open = connections
    .all()
    .filter((each) => each.userName === user.name)
    .reduce((sum, each) => sum + each.channels.size, 0);
  return open >= limit
    ? `number of channels opened for user '${user.name}' has reached the maximum allowed user limit of (${limit})`
    : null;
}
