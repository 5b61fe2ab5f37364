// The screens, in the order of the sidebar and of Ctrl/Cmd+1..9.
import {
  Cable,
  FileJson,
  FlaskConical,
  Gauge,
  Inbox,
  Network,
  ScrollText,
  Shuffle,
  SlidersHorizontal,
  Skull,
  Server,
  Users,
  Boxes,
} from '@lucide/svelte';

export const views = [
  { name: 'overview', label: 'Overview', icon: Gauge, group: 'Broker' },
  { name: 'topology', label: 'Topology', icon: Network, group: 'Broker' },
  { name: 'queues', label: 'Queues', icon: Inbox, group: 'Broker' },
  { name: 'exchanges', label: 'Exchanges', icon: Shuffle, group: 'Broker' },
  { name: 'dead-letters', label: 'Dead letters', icon: Skull, group: 'Broker' },
  { name: 'connections', label: 'Connections', icon: Cable, group: 'Broker' },
  { name: 'pair', label: 'Pair', icon: Server, group: 'Broker' },
  { name: 'lab', label: 'Lab', icon: FlaskConical, group: 'Broker' },
  { name: 'policies', label: 'Policies', icon: SlidersHorizontal, group: 'Administration' },
  { name: 'users', label: 'Users', icon: Users, group: 'Administration' },
  { name: 'vhosts', label: 'Virtual hosts', icon: Boxes, group: 'Administration' },
  { name: 'definitions', label: 'Definitions', icon: FileJson, group: 'Administration' },
  { name: 'logs', label: 'Node logs', icon: ScrollText, group: 'Administration' },
] as const;
