// Who asks the management for something.
import type { User } from '../auth/access-control.ts';
import type { BrokerServices } from '../channel/channel-host.ts';
import type { Actor } from '../channel/permissions.ts';
import type { Vhost } from '../vhost/vhost.ts';

export interface Caller {
  readonly user: string;
  /** Whose permissions count. Absent for the console: its user is the machine's own and may do all. */
  readonly restricted?: User;
}

/** Null where no permission is asked for. */
export function actorOf(services: BrokerServices, vhost: Vhost, caller: Caller): Actor | null {
  return caller.restricted ? { services, vhost, user: caller.restricted } : null;
}
