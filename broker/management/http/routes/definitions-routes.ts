// RabbitMQ's definitions file, out and in: the whole broker or one virtual host.
import { ContractError } from '../../../contract/errors.ts';
import { ApiError, badRequest } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import type { Router } from '../router.ts';

export function definitionsRoutes(router: Router): void {
  router.get('definitions', 'administrator', async (request) =>
    request.json(await request.call('definitions.export', {})),
  );
  router.get('all-configuration', 'administrator', async (request) =>
    request.json(await request.call('definitions.export', {})),
  );
  router.get('definitions/:vhost', 'administrator', async (request) => {
    const { vhost } = request;
    if (!vhost) throw badRequest('vhost_not_found');
    return request.json(await request.call('definitions.export', { vhost: vhost.name }));
  });
  router.post('definitions', 'administrator', (request) => load(request));
  router.post('all-configuration', 'administrator', (request) => load(request));
  router.post('definitions/:vhost', 'administrator', (request) => {
    if (!request.vhost) throw new ApiError(404, 'not_found', 'vhost_not_found');
    return load(request, request.vhost.name);
  });
}

async function load(request: ApiRequest, vhost?: string): Promise<Response> {
  const definitions = await request.body('failed_to_parse_json');
  try {
    const input = vhost === undefined ? { definitions } : { vhost, definitions };
    const report = await request.call('definitions.import', input);
    // RabbitMQ's 204; what was left as it was, and why, is not kept from who asked.
    return report.warnings.length === 0 ? request.nothing() : request.json(report);
  } catch (error) {
    if (error instanceof ContractError) throw badRequest(error.message);
    throw error;
  }
}
