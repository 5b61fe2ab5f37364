// Who may see and do what over HTTP: credentials, tags, virtual hosts, and the rights inside them.
import type { HttpScript, HttpTalks } from '../http-script.ts';

/** Every kind of user, and what each of the paths answers it. */
const paths: [string, string, unknown?][] = [
  ['GET', 'overview'],
  ['GET', 'nodes'],
  ['GET', 'cluster-name'],
  ['PUT', 'cluster-name', {}],
  ['GET', 'definitions'],
  ['GET', 'definitions/ha'],
  ['POST', 'definitions/ha', {}],
  ['GET', 'connections'],
  ['GET', 'connections/none'],
  ['GET', 'channels'],
  ['GET', 'consumers'],
  ['GET', 'consumers/ha'],
  ['GET', 'exchanges'],
  ['GET', 'exchanges/ha'],
  ['GET', 'exchanges/ha/amq.direct'],
  ['GET', 'queues'],
  ['GET', 'queues/ha'],
  ['GET', 'queues/ha/q'],
  ['GET', 'bindings/ha'],
  ['GET', 'vhosts'],
  ['GET', 'vhosts/ha'],
  ['GET', 'vhosts/ha/permissions'],
  ['GET', 'vhosts/ha/connections'],
  ['GET', 'users'],
  ['GET', 'users/guest'],
  ['GET', 'users/guest/permissions'],
  ['GET', 'users/without-permissions'],
  ['GET', 'permissions'],
  ['GET', 'permissions/ha/guest'],
  ['GET', 'topic-permissions'],
  ['GET', 'policies'],
  ['GET', 'policies/ha'],
  ['GET', 'policies/ha/p'],
  ['PUT', 'policies/ha/p2', { pattern: 'x', definition: { 'max-length': 1 } }],
  ['GET', 'operator-policies'],
  ['GET', 'operator-policies/ha/p'],
  ['PUT', 'operator-policies/ha/p', { pattern: 'x', definition: { 'max-length': 1 } }],
  ['GET', 'parameters'],
  ['GET', 'parameters/policy/ha'],
  ['GET', 'global-parameters'],
  ['PUT', 'global-parameters/ha', { value: 1 }],
  ['GET', 'vhost-limits'],
  ['GET', 'vhost-limits/ha'],
  ['PUT', 'vhost-limits/ha/max-queues', { value: 100 }],
  ['GET', 'user-limits'],
  ['GET', 'user-limits/guest'],
  ['PUT', 'user-limits/ha-nobody/max-channels', { value: 100 }],
  ['PUT', 'vhosts/ha-new', {}],
  ['PUT', 'users/ha-new', { password: 'x', tags: '' }],
  ['PUT', 'permissions/ha/ha-new', { configure: '', write: '', read: '' }],
  ['PUT', 'queues/ha/new', {}],
  ['PUT', 'exchanges/ha/new', { type: 'fanout' }],
  ['POST', 'bindings/ha/e/amq.direct/q/q', { routing_key: 'k' }],
  ['POST', 'queues/ha/q/get', { count: 1, ackmode: 'ack_requeue_true', encoding: 'auto' }],
  ['DELETE', 'queues/ha/q/contents'],
  ['POST', 'queues/ha/q/actions', { action: 'sync' }],
  ['GET', 'whoami'],
  ['GET', 'extensions'],
  ['GET', 'feature-flags'],
  ['GET', 'aliveness-test/ha'],
  ['GET', 'healthchecks/node'],
  ['GET', 'health/checks/alarms'],
  ['GET', 'auth/attempts/none'],
];

async function tryAll(api: HttpScript, as: string | null): Promise<void> {
  for (const [method, path, body] of paths)
    await api.request(method, path, { as, body, pick: () => 'allowed' });
}

async function stage(api: HttpScript): Promise<void> {
  await api.vhost('ha');
  await api.quietly('PUT', 'queues/ha/q', {});
  await api.quietly('PUT', 'policies/ha/p', { pattern: 'x', definition: { 'max-length': 1 } });
  api.atEnd(() => api.quietly('DELETE', 'vhosts/ha-new'));
  api.atEnd(() => api.quietly('DELETE', 'users/ha-new'));
  api.atEnd(() => api.quietly('DELETE', 'global-parameters/ha'));
}

/** These run one after the other: they share a virtual host. */
export const access: HttpTalks = {
  'access: by every kind of user': async (api) => {
    await stage(api);
    await api.user('ha-administrator', 'administrator', 'ha');
    await api.user('ha-monitoring', 'monitoring', 'ha');
    await api.user('ha-policymaker', 'policymaker', 'ha');
    await api.user('ha-management', 'management', 'ha');
    await api.user('ha-outside', 'management');
    await api.user('ha-outside-monitor', 'monitoring');
    await api.user('ha-outside-admin', 'administrator');
    await api.user('ha-readless', 'management', 'ha', '^$');
    await api.user('ha-untagged', '', 'ha');
    for (const kind of ['administrator', 'monitoring', 'policymaker', 'management', 'readless'])
      await tryAll(api, `ha-${kind}:ha-${kind}`);
    for (const kind of ['outside', 'outside-monitor', 'outside-admin', 'untagged'])
      await tryAll(api, `ha-${kind}:ha-${kind}`);
  },
  'access: without credentials, and with wrong ones': async (api) => {
    await api.get('overview', { as: null });
    await api.get('overview', { as: 'guest:wrong' });
    await api.get('overview', { as: 'nobody:x' });
    await api.get('overview', { as: 'guest' });
    await api.get('overview', { as: null, headers: { authorization: 'Basic' } });
    await api.get('overview', { as: null, headers: { authorization: 'Basic ???' } });
    await api.get('overview', { as: null, headers: { authorization: 'Bearer abc' } });
    await api.get('no-such-path', { as: null });
    await api.get('no-such-path');
  },
};
