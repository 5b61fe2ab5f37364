// Virtual hosts, users, permissions, policies, parameters, limits: made, changed, listed, missing, wrong.
import type { HttpTalks } from '../http-script.ts';

/** RabbitMQ lists them in no order. */
const byExchange = (rows: { exchange: string }[]) =>
  [...rows].sort((a, b) => (a.exchange < b.exchange ? -1 : 1));

export const resources: HttpTalks = {
  'vhosts: made, changed, listed, deleted': async (api) => {
    await api.delete('vhosts/hv1');
    await api.put('vhosts/hv1', { description: 'first', tags: 'a,b' });
    api.atEnd(() => api.quietly('DELETE', 'vhosts/hv1'));
    await api.put('vhosts/hv1', { description: 'second', tags: 'c', tracing: true });
    await api.get('vhosts/hv1');
    await api.get('vhosts', { pick: (rows: { name: string }[]) => rows.filter((row) => row.name === 'hv1') });
    await api.get('vhosts/hv1/permissions');
    await api.get('vhosts/hv1/topic-permissions');
    await api.post(`vhosts/hv1/start/nowhere`, {});
    await api.delete('vhosts/hv1');
    await api.delete('vhosts/hv1');
    await api.get('vhosts/hv1');
    await api.get('vhosts/hv1/permissions');
    await api.get('vhosts/hv1/connections');
    await api.get('vhosts/hv1/channels');
  },
  'vhosts: wrong bodies': async (api) => {
    api.atEnd(() => api.quietly('DELETE', 'vhosts/hv2'));
    await api.request('PUT', 'vhosts/hv2', { text: '{not json' });
    await api.request('PUT', 'vhosts/hv2', { text: '[]' });
    await api.request('PUT', 'vhosts/hv2', { text: '' });
    await api.put('vhosts/hv2', { tracing: 'perhaps' });
  },
  'vhosts: of every kind of name': async (api) => {
    api.atEnd(() => api.quietly('DELETE', 'vhosts/h%2Fv%203'));
    await api.put('vhosts/h%2Fv%203');
    await api.get('vhosts/h%2Fv%203');
    await api.put('permissions/h%2Fv%203/guest', { configure: '.*', write: '.*', read: '.*' });
    await api.put('queues/h%2Fv%203/q%2F%23%3F', {});
    await api.get('queues/h%2Fv%203', { pick: (rows: { name: string }[]) => rows.map((row) => row.name) });
    await api.delete('queues/h%2Fv%203/q%2F%23%3F');
  },
  'users: made, changed, listed, deleted': async (api) => {
    await api.quietly('DELETE', 'users/hu1');
    api.atEnd(() => api.quietly('DELETE', 'users/hu1'));
    await api.put('users/hu1', { password: 'secret', tags: 'monitoring,management' });
    await api.get('users/hu1');
    await api.get('whoami', { as: 'hu1:secret' });
    await api.put('users/hu1', { password: 'other', tags: ['policymaker'] });
    await api.get('whoami', { as: 'hu1:secret' });
    await api.get('whoami', { as: 'hu1:other' });
    await api.put('users/hu1', { tags: 'administrator' });
    await api.get('whoami', { as: 'hu1:other' });
    await api.get('users', { pick: (rows: { name: string }[]) => rows.filter((row) => row.name === 'hu1') });
    await api.get('users/hu1/permissions');
    await api.get('users/hu1/topic-permissions');
    await api.get('users/without-permissions', {
      pick: (rows: { name: string }[]) => rows.filter((row) => row.name === 'hu1'),
    });
    await api.delete('users/hu1');
    await api.delete('users/hu1');
    await api.get('users/hu1');
    await api.get('users/hu1/permissions');
  },
  'users: by hash': async (api) => {
    api.atEnd(() => api.quietly('DELETE', 'users/hu2'));
    await api.put('users/hu2', {
      password_hash: '2lmoth8l4H0DViLaK9Fxi6l9ds8=',
      hashing_algorithm: 'rabbit_password_hashing_md5',
      tags: 'management',
    });
    await api.put('users/hu2', {
      password_hash: 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR',
      tags: 'management',
    });
    await api.get('whoami', { as: 'hu2:test12' });
    await api.get('users/hu2', { pick: (row: { hashing_algorithm: string }) => row.hashing_algorithm });
    await api.put('users/hu2', { password_hash: '', tags: 'management' });
    await api.get('whoami', { as: 'hu2:' });
  },
  'users: wrong bodies': async (api) => {
    api.atEnd(() => api.quietly('DELETE', 'users/hu3'));
    await api.put('users/hu3', { password: 'x' });
    await api.put('users/hu3', { tags: 'management' });
    await api.put('users/hu3', { password: 'x', tags: '', password_hash: 'abc' });
    await api.put('users/hu3', { password_hash: 'not base64!', tags: '' });
    await api.put('users/hu3', { password_hash: 'AAAAAAAA', tags: '', hashing_algorithm: 'rot13' });
    await api.put('users/hu3', { password: '', tags: '' });
    await api.put('users/hu3', { password: 'x', tags: 5 });
    await api.request('PUT', 'users/hu3', { text: 'nonsense' });
    await api.get('users/hu3');
  },
  'users: several deleted at once': async (api) => {
    await api.user('hu4', '');
    await api.user('hu5', '');
    await api.post('users/bulk-delete', { users: ['hu4', 'hu5', 'hu-nobody'] });
    await api.get('users/hu4');
    await api.post('users/bulk-delete', {});
    await api.post('users/bulk-delete', { users: 'hu4' });
  },
  'permissions: given, changed, listed, taken': async (api) => {
    await api.vhost('hp1');
    await api.user('hp1', 'management');
    await api.get('permissions/hp1/hp1');
    await api.put('permissions/hp1/hp1', { configure: 'a', write: 'b', read: 'c' });
    await api.put('permissions/hp1/hp1', { configure: '^a', write: '', read: '.*' });
    await api.get('permissions/hp1/hp1');
    await api.get('users/hp1/permissions');
    await api.get('vhosts/hp1/permissions');
    await api.get('permissions', {
      pick: (rows: { vhost: string }[]) => rows.filter((row) => row.vhost === 'hp1'),
    });
    await api.delete('permissions/hp1/hp1');
    await api.delete('permissions/hp1/hp1');
    await api.put('permissions/hp1/hp1', { configure: 'a', write: 'b' });
    await api.put('permissions/hp1/hp1', { configure: '*', write: '', read: '' });
    await api.put('permissions/hp1/nobody', { configure: '', write: '', read: '' });
    await api.put('permissions/nowhere/hp1', { configure: '', write: '', read: '' });
    await api.get('permissions/nowhere/hp1');
    await api.get('permissions/hp1/nobody');
  },
  'topic permissions: given, listed, taken': async (api) => {
    await api.vhost('hp2');
    await api.user('hp2', 'management', 'hp2');
    await api.get('topic-permissions/hp2/hp2', { pick: byExchange });
    await api.put('topic-permissions/hp2/hp2', { exchange: 'amq.topic', write: 'a', read: 'b' });
    await api.put('topic-permissions/hp2/hp2', { exchange: 'amq.topic', write: 'c', read: 'd' });
    await api.put('topic-permissions/hp2/hp2', { exchange: 'other', write: 'e', read: 'f' });
    await api.get('topic-permissions/hp2/hp2', { pick: byExchange });
    await api.get('topic-permissions/hp2/hp2/other', { pick: byExchange });
    await api.get('users/hp2/topic-permissions');
    await api.get('vhosts/hp2/topic-permissions');
    await api.get('topic-permissions', {
      pick: (rows: { vhost: string }[]) => rows.filter((row) => row.vhost === 'hp2'),
    });
    await api.delete('topic-permissions/hp2/hp2/other');
    await api.get('topic-permissions/hp2/hp2', { pick: byExchange });
    await api.delete('topic-permissions/hp2/hp2');
    await api.get('topic-permissions/hp2/hp2', { pick: byExchange });
    await api.delete('topic-permissions/hp2/hp2');
    await api.put('topic-permissions/hp2/hp2', { exchange: 'x', write: '[', read: '' });
    await api.put('topic-permissions/hp2/hp2', { exchange: 'x', write: '' });
    await api.put('topic-permissions/nowhere/hp2', { exchange: 'x', write: '', read: '' });
  },
  'policies: made, changed, listed, deleted': async (api) => {
    await api.vhost('hl1');
    await api.get('policies/hl1');
    await api.put('policies/hl1/p', { pattern: '^a', definition: { 'max-length': 5 } });
    await api.put('policies/hl1/p', {
      pattern: '^b',
      definition: { 'message-ttl': 5, 'dead-letter-exchange': 'x' },
      priority: 3,
      'apply-to': 'queues',
    });
    await api.get('policies/hl1/p');
    await api.get('policies/hl1');
    await api.get('policies', {
      pick: (rows: { vhost: string }[]) => rows.filter((row) => row.vhost === 'hl1'),
    });
    await api.get('parameters/policy/hl1');
    await api.get('parameters/policy/hl1/p');
    await api.put('queues/hl1/bq', {});
    await api.eventually('queues/hl1/bq', (row: { policy?: string }) => row.policy === 'p', {
      pick: (row: Record<string, unknown>) => [
        row['policy'],
        row['operator_policy'],
        row['effective_policy_definition'],
      ],
    });
    await api.delete('policies/hl1/p');
    await api.delete('policies/hl1/p');
    await api.get('policies/hl1/p');
    await api.get('policies/nowhere');
  },
  'policies: wrong ones': async (api) => {
    await api.vhost('hl2');
    await api.put('policies/hl2/p', { definition: { 'max-length': 5 } });
    await api.put('policies/hl2/p', { pattern: '.*' });
    await api.put('policies/hl2/p', { pattern: '[', definition: { 'max-length': 5 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: {} });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'no-such-key': 1 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'max-length': -1 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'max-length': 'many' } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'message-ttl': -5 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { expires: 0 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { overflow: 'explode' } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'dead-letter-exchange': 5 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'alternate-exchange': 5 } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'queue-mode': 'sleepy' } });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'max-length': 5 }, priority: 'high' });
    await api.put('policies/hl2/p', { pattern: '.*', definition: { 'max-length': 5 }, 'apply-to': 'cats' });
    await api.put('policies/hl2/p', { pattern: '.*', definition: 'text' });
    await api.put('policies/nowhere/p', { pattern: '.*', definition: { 'max-length': 5 } });
    await api.get('policies/hl2');
  },
  'operator policies': async (api) => {
    await api.vhost('hl3');
    await api.put('operator-policies/hl3/o', {
      pattern: '.*',
      definition: { 'max-length': 5 },
      priority: 1,
      'apply-to': 'queues',
    });
    await api.get('operator-policies/hl3/o');
    await api.get('operator-policies/hl3');
    await api.get('parameters/operator_policy/hl3');
    await api.put('operator-policies/hl3/p', { pattern: '.*', definition: { 'dead-letter-exchange': 'x' } });
    await api.put('operator-policies/hl3/p', { pattern: '.*', definition: { 'max-length': -1 } });
    await api.put('queues/hl3/q', {});
    await api.eventually('queues/hl3/q', (row: { operator_policy?: string }) => row.operator_policy === 'o', {
      pick: (row: Record<string, unknown>) => [
        row['policy'],
        row['operator_policy'],
        row['effective_policy_definition'],
      ],
    });
    await api.delete('operator-policies/hl3/o');
    await api.delete('operator-policies/hl3/o');
    await api.get('operator-policies/hl3/o');
  },
  'parameters: of components that are not there': async (api) => {
    await api.vhost('hl4');
    await api.get('parameters', {
      pick: (rows: { vhost: string }[]) => rows.filter((row) => row.vhost === 'hl4'),
    });
    await api.get('parameters/shovel');
    await api.get('parameters/shovel/hl4');
    await api.get('parameters/shovel/hl4/mine');
    await api.put('parameters/shovel/hl4/mine', { value: { 'src-uri': 'amqp://' } });
    await api.put('parameters/shovel/hl4/mine', {});
    await api.put('parameters/shovel/nowhere/mine', { value: {} });
    await api.delete('parameters/shovel/hl4/mine');
    await api.get('parameters/shovel/nowhere');
  },
  'global parameters': async (api) => {
    api.atEnd(() => api.quietly('DELETE', 'global-parameters/mine'));
    await api.get('global-parameters/mine');
    await api.put('global-parameters/mine', { value: { a: [1, 'b'] } });
    await api.put('global-parameters/mine', { value: 'text' });
    await api.get('global-parameters/mine');
    await api.get('global-parameters', {
      pick: (rows: { name: string }[]) => rows.filter((row) => row.name === 'mine'),
    });
    await api.put('global-parameters/mine', {});
    await api.delete('global-parameters/mine');
    await api.delete('global-parameters/mine');
  },
  'limits of a virtual host': async (api) => {
    await api.vhost('hl5');
    await api.get('vhost-limits/hl5');
    await api.put('vhost-limits/hl5/max-queues', { value: 2 });
    await api.put('vhost-limits/hl5/max-connections', { value: 100 });
    await api.get('vhost-limits/hl5');
    await api.get('vhost-limits', {
      pick: (rows: { vhost: string }[]) => rows.filter((row) => row.vhost === 'hl5'),
    });
    await api.get('parameters/vhost-limits/hl5');
    await api.put('queues/hl5/a', {});
    await api.put('queues/hl5/b', {});
    await api.put('queues/hl5/c', {});
    await api.delete('vhost-limits/hl5/max-queues');
    await api.delete('vhost-limits/hl5/max-queues');
    await api.put('queues/hl5/c', {});
    await api.get('vhost-limits/hl5');
    await api.put('vhost-limits/hl5/max-cats', { value: 2 });
    await api.put('vhost-limits/hl5/max-queues', { value: 'two' });
    await api.put('vhost-limits/hl5/max-queues', { value: -1 });
    await api.put('vhost-limits/hl5/max-queues', {});
    await api.put('vhost-limits/nowhere/max-queues', { value: 2 });
    await api.get('vhost-limits/nowhere');
  },
  'limits of a user': async (api) => {
    await api.user('hl6', 'management');
    await api.get('user-limits/hl6');
    await api.put('user-limits/hl6/max-connections', { value: 2 });
    await api.put('user-limits/hl6/max-channels', { value: 100 });
    await api.get('user-limits/hl6');
    await api.get('user-limits', {
      pick: (rows: { user: string }[]) => rows.filter((row) => row.user === 'hl6'),
    });
    await api.get('users/hl6');
    await api.delete('user-limits/hl6/max-channels');
    await api.delete('user-limits/hl6/max-channels');
    await api.get('user-limits/hl6');
    await api.put('user-limits/hl6/max-cats', { value: 2 });
    await api.put('user-limits/hl6/max-channels', { value: 'two' });
    await api.put('user-limits/nobody/max-channels', { value: 2 });
    await api.get('user-limits/nobody');
  },
};
