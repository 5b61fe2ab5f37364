// The broker at a glance: overview, nodes, names, who asks.
import type { ApiRequest } from '../api-request.ts';
import { badRequest, notFound } from '../api-error.ts';
import { given } from '../body-fields.ts';
import type { Router } from '../router.ts';
import { nodeShape, overviewShape } from '../node-shapes.ts';

export function generalRoutes(router: Router): void {
  router.get('overview', 'any', async (request) =>
    request.answer(overviewShape(await request.call('overview', {}))),
  );
  router.get('nodes', 'monitor', async (request) => request.list([await node(request)]));
  router.get('nodes/:node', 'monitor', async (request) => {
    requireNode(request);
    return request.answer(await node(request));
  });
  router.get('nodes/:node/memory', 'monitor', (request) => {
    requireNode(request);
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    const memory = {
      code_and_heap: heapUsed,
      heap_reserved: heapTotal - heapUsed,
      message_bodies: arrayBuffers,
      other: external - arrayBuffers,
      total: { rss, allocated: heapTotal + external },
      strategy: 'rss',
    };
    return request.json({ memory });
  });
  router.get('cluster-name', 'any', async (request) => {
    const { clusterName } = await request.call('overview', {});
    return request.json({ name: clusterName });
  });
  router.put('cluster-name', 'administrator', async (request) => {
    const { name } = given(await request.body(), 'name');
    if (typeof name !== 'string') throw badRequest('name must be a text');
    await request.call('globalParameters.put', { name: 'cluster_name', value: name });
    return request.nothing();
  });
  router.get('extensions', 'any', (request) => request.json([]));
  router.get('feature-flags', 'administrator', (request) => request.json([]));
  router.get('whoami', 'any', (request) =>
    request.json({ name: request.user.name, tags: [...request.user.tags] }),
  );
  router.get('auth/attempts/:node', 'monitor', (request) => {
    requireNode(request);
    return request.json([]);
  });
  router.get('auth/attempts/:node/source', 'monitor', (request) => {
    requireNode(request);
    return request.json([]);
  });
  router.post('rebalance/queues', 'administrator', (request) => request.nothing());
}

async function node(request: ApiRequest) {
  return nodeShape(await request.call('overview', {}));
}

function requireNode(request: ApiRequest): void {
  if (request.param('node') !== request.node) throw notFound();
}
