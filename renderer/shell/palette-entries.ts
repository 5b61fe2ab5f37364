// What the palette offers: the standing entries, and the broker's objects by name.
import { connection } from '../rpc/connection.svelte.ts';
import { attempt } from '../state/actions.svelte.ts';
import { route } from '../state/route.svelte.ts';
import { theme, themes } from '../state/theme.svelte.ts';
import { vhost } from '../state/vhost.svelte.ts';
import { zone } from '../state/zone.svelte.ts';
import { exchangeName } from '../ui/format.ts';
import type { Entry } from './palette-rank.ts';
import { views } from './views.ts';

export function standing(showKeys: () => void): Entry[] {
  const action = (label: string, run: () => void): Entry => ({ group: 'Actions', kind: '', label, run });
  return [
    ...views.map(({ name, label }) => ({ group: 'Screens', kind: '', label, run: () => route.go(name) })),
    action('New queue', () => route.goNew('queues')),
    action('New exchange', () => route.goNew('exchanges')),
    action('New user', () => route.goNew('users')),
    action('New virtual host', () => route.goNew('vhosts')),
    action('New policy', () => route.goNew('policies')),
    action('Import definitions', () => route.go('definitions')),
    action('Export definitions', () => route.go('definitions')),
    action('Copy the AMQP URI', () => void copyUri()),
    action('Pause or go on with live updates', () => (connection.paused = !connection.paused)),
    action('Start an independent pair', () => void startPair()),
    action('Switch over to the standby', () => route.go('pair')),
    ...themes.map((each) => action(`Theme: ${each}`, () => theme.choose(each))),
    action(zone.utc ? 'Times in local time' : 'Times in UTC', () => zone.toggle()),
    action('Keys', showKeys),
  ];
}

const copyUri = () =>
  attempt(async () => {
    const { amqpUri } = await connection.callHost('host.info', {});
    await navigator.clipboard.writeText(amqpUri);
  }, 'The AMQP URI is copied');

async function startPair() {
  route.go('pair');
  await attempt(
    () => connection.callHost('pair.start', { model: 'independent' }),
    'The second node is starting',
  );
}

/** Empty when the broker does not answer: the screens say why. */
export async function lookUp(filter: string): Promise<Entry[]> {
  const every = { filter, pageSize: 12, sort: 'name' };
  const input = { ...every, vhost: vhost.name };
  const open = (...segments: string[]) => {
    return () => route.go(...segments);
  };
  const named = <Row>(
    pages: Promise<{ items: Row[] }>,
    kind: string,
    label: (row: Row) => string,
    run: (row: Row) => () => void,
  ) =>
    pages.then(
      ({ items }) => items.map((row) => ({ group: 'Objects', kind, label: label(row), run: run(row) })),
      () => [],
    );
  const found = await Promise.all([
    named(connection.callNode('queues.list', input), 'Queue', nameOf, ({ name }) =>
      open('queues', vhost.name, name),
    ),
    named(
      connection.callNode('exchanges.list', input),
      'Exchange',
      ({ name }) => exchangeName(name),
      ({ name }) => open('exchanges', vhost.name, ...(name === '' ? [] : [name])),
    ),
    filter === ''
      ? []
      : named(
          connection.callNode('connections.list', { filter, pageSize: 8 }),
          'Connection',
          nameOf,
          ({ name }) => open('connections', name),
        ),
    named(connection.callNode('vhosts.list', every), 'Virtual host', nameOf, ({ name }) => () => {
      vhost.choose(name);
      route.go('queues');
    }),
    filter === '' ? [] : named(connection.callNode('users.list', every), 'User', nameOf, () => open('users')),
    filter === ''
      ? []
      : named(connection.callNode('policies.list', input), 'Policy', nameOf, () => open('policies')),
  ]);
  return found.flat();
}

const nameOf = ({ name }: { name: string }) => name;
