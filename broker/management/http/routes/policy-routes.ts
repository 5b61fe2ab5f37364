// Policies, operator policies and parameters. A policy is a parameter too, as RabbitMQ keeps it.
import type { GlobalParameterRow, ParameterRow, PolicyRow } from '../../../contract/rows.ts';
import { badRequest, notFound } from '../api-error.ts';
import type { ApiRequest } from '../api-request.ts';
import { given } from '../body-fields.ts';
import type { Json } from '../list-answer.ts';
import type { Router } from '../router.ts';

export function policyRoutes(router: Router): void {
  for (const operator of [false, true]) {
    const base = operator ? 'operator-policies' : 'policies';
    const need = operator ? 'administrator' : 'policies';
    router.get(base, 'any', (request) => list(request, operator));
    router.get(`${base}/:vhost`, 'vhost', (request) => list(request, operator));
    router.get(`${base}/:vhost/:name`, need, async (request) =>
      request.answer(policyShape(await existing(request, operator))),
    );
    router.put(`${base}/:vhost/:name`, need, (request) => put(request, operator));
    router.delete(`${base}/:vhost/:name`, need, async (request) => {
      const { vhost, name } = await existing(request, operator);
      await request.call('policies.delete', { vhost, name, operator });
      return request.nothing();
    });
  }
  parameterRoutes(router);
  globalParameterRoutes(router);
}

async function policies(request: ApiRequest, operator: boolean): Promise<PolicyRow[]> {
  const input = request.vhostName === undefined ? {} : { vhost: request.existingVhost().name };
  const rows = await request.rows<PolicyRow>('policies.list', input);
  return rows.filter((row) => row.operator === operator && request.sees(row.vhost));
}

async function list(request: ApiRequest, operator: boolean): Promise<Response> {
  return request.list((await policies(request, operator)).map(policyShape), ['priority']);
}

/** Throws ApiError 404. */
async function existing(request: ApiRequest, operator: boolean): Promise<PolicyRow> {
  const found = (await policies(request, operator)).find((row) => row.name === request.param('name'));
  if (!found) throw notFound();
  return found;
}

async function put(request: ApiRequest, operator: boolean): Promise<Response> {
  const body = await request.body();
  const { pattern, definition } = given(body, 'pattern', 'definition');
  const vhost = request.vhostToChange();
  const name = request.param('name');
  const existed = vhost.policies.get(name, operator) !== undefined;
  const { priority = 0, 'apply-to': applyTo = 'all' } = body;
  if (definition === null || typeof definition !== 'object') throw badRequest('definition must be an object');
  if (!Number.isInteger(priority))
    throw invalid(`priority should be a number, actually was ${shown(priority, operator)}`);
  if (!['queues', 'exchanges', 'all'].includes(applyTo as string))
    throw invalid(`apply-to '${String(applyTo)}' unrecognised; should be 'queues', 'exchanges' or 'all'`);
  const policy = { vhost: vhost.name, name, pattern, definition, priority, applyTo, operator };
  try {
    await request.call('policies.put', policy);
  } catch (error) {
    throw invalid(escaped((error as Error).message, operator));
  }
  return request.put(existed);
}

function invalid(reason: string) {
  return badRequest(`Validation failed\n\n${reason}\n`);
}

function shown(value: unknown, operator: boolean): string {
  return escaped(typeof value === 'string' ? `<<"${value}">>` : JSON.stringify(value), operator);
}

/** RabbitMQ takes care of browsers in the reasons for policies, and not for operator policies. */
function escaped(text: string, operator: boolean): string {
  return operator ? text : text.replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function policyShape({ vhost, name, pattern, applyTo, definition, priority }: PolicyRow): Json {
  return { vhost, name, pattern, 'apply-to': applyTo, definition, priority };
}

// ---- Parameters ----

function parameterRoutes(router: Router): void {
  router.get('parameters', 'policies', (request) => parameterList(request));
  router.get('parameters/:component', 'policies', (request) => parameterList(request));
  router.get('parameters/:component/:vhost', 'policies', (request) => parameterList(request));
  const one = 'parameters/:component/:vhost/:name';
  router.get(one, 'policies', async (request) =>
    request.answer((await parameter(request)) as unknown as Json),
  );
  router.put(one, 'policies', async (request) => {
    const { value } = given(await request.body(), 'value');
    const { name: vhost } = request.vhostToChange();
    const component = request.param('component');
    // Components are RabbitMQ's plugins; what Warren itself knows has paths of its own.
    if (component !== 'vhost-limits') throw invalid(`component ${component} not found`);
    for (const [name, limit] of Object.entries((value ?? {}) as Json))
      await request.call('vhostLimits.put', { vhost, name, value: limit });
    return request.nothing();
  });
  router.delete(one, 'policies', async (request) => {
    const { vhost, component, name } = await parameter(request);
    if (component === 'policy' || component === 'operator_policy')
      await request.call('policies.delete', { vhost, name, operator: component === 'operator_policy' });
    else await request.call('parameters.delete', { vhost, component, name });
    return request.nothing();
  });
}

async function parameters(request: ApiRequest): Promise<ParameterRow[]> {
  const input = request.vhostName === undefined ? {} : { vhost: request.existingVhost().name };
  const rows = await request.rows<ParameterRow>('parameters.list', input);
  const policyRows = await request.rows<PolicyRow>('policies.list', input);
  const all = [...rows, ...policyRows.map(asParameter)];
  return all.filter((row) => request.sees(row.vhost));
}

async function parameterList(request: ApiRequest): Promise<Response> {
  const component = request.optionalParam('component');
  const rows = await parameters(request);
  // Policies have paths of their own, and are only listed where they are asked for.
  const chosen = rows.filter((row) =>
    component === undefined ? !row.component.endsWith('policy') : row.component === component,
  );
  return request.list(chosen as unknown as Json[], ['vhost', 'component', 'name']);
}

/** Throws ApiError 404. */
async function parameter(request: ApiRequest): Promise<ParameterRow> {
  const [component, name] = [request.param('component'), request.param('name')];
  const found = (await parameters(request)).find((row) => row.component === component && row.name === name);
  if (!found) throw notFound();
  return found;
}

function asParameter({
  vhost,
  name,
  operator,
  pattern,
  definition,
  priority,
  applyTo,
}: PolicyRow): ParameterRow {
  const component = operator ? 'operator_policy' : 'policy';
  return { vhost, component, name, value: { pattern, definition, priority, 'apply-to': applyTo } };
}

function globalParameterRoutes(router: Router): void {
  router.get('global-parameters', 'global parameters', async (request) =>
    request.list((await globals(request)) as unknown as Json[], ['name']),
  );
  router.get('global-parameters/:name', 'global parameters', async (request) =>
    request.answer((await global(request)) as unknown as Json),
  );
  router.put('global-parameters/:name', 'global parameters', async (request) => {
    const { value } = given(await request.body(), 'value');
    const name = request.param('name');
    const existed = (await globals(request)).some((row) => row.name === name);
    await request.call('globalParameters.put', { name, value });
    return request.put(existed);
  });
  router.delete('global-parameters/:name', 'global parameters', async (request) => {
    const { name } = await global(request);
    await request.call('globalParameters.delete', { name });
    return request.nothing();
  });
}

function globals(request: ApiRequest): Promise<GlobalParameterRow[]> {
  return request.rows<GlobalParameterRow>('globalParameters.list');
}

/** Throws ApiError 404. */
async function global(request: ApiRequest): Promise<GlobalParameterRow> {
  const found = (await globals(request)).find((row) => row.name === request.param('name'));
  if (!found) throw notFound();
  return found;
}
