// RabbitMQ's management HTTP API: paths, methods, status codes and shapes over the node's own procedures. Basic
// authentication on every path that exists; what a user's tags and permissions allow is RabbitMQ's rule.
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { AuthenticationFailure, type AccessControl, type User } from '../../auth/access-control.ts';
import { isManagementUser } from '../../auth/tags.ts';
import type { Log } from '../../base/log.ts';
import { ContractError } from '../../contract/errors.ts';
import type { Management } from '../management.ts';
import { ApiError, apiErrorOf, notFound } from './api-error.ts';
import { metricsText } from './metrics.ts';
import { Router, type ApiEnv } from './router.ts';
import { accessRoutes } from './routes/access-routes.ts';
import { clientRoutes } from './routes/client-routes.ts';
import { definitionsRoutes } from './routes/definitions-routes.ts';
import { exchangeRoutes } from './routes/exchange-routes.ts';
import { generalRoutes } from './routes/general-routes.ts';
import { healthRoutes } from './routes/health-routes.ts';
import { policyRoutes } from './routes/policy-routes.ts';
import { queueRoutes } from './routes/queue-routes.ts';
import { vhostRoutes } from './routes/vhost-routes.ts';

const bodyBytesMax = 32 << 20;
/** How long wrong credentials wait for their answer, so that guessing is slow. */
const refusalDelayMs = 500;
const realm = 'Basic realm="RabbitMQ Management"';

export function createHttpApi(management: Management, access: AccessControl, log: Log): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.get('/metrics', (c) => metrics(c, management));
  app.get('/metrics/per-object', (c) => metrics(c, management));
  app.notFound((c) => answerError(c, notFound()));
  app.onError((error, c) => {
    if (error instanceof ApiError) return answerError(c, error);
    if (error instanceof ContractError) return answerError(c, apiErrorOf(error));
    log.error(`HTTP API: ${error.stack}`);
    return answerError(c, new ApiError(500, 'internal_error', 'internal error'));
  });
  const limit = bodyLimit({
    maxSize: bodyBytesMax,
    onError: (c) => answerError(c, new ApiError(413, 'bad_request', 'body too large')),
  });
  const router = new Router(app, management, access, (c) => authenticate(c, access, log), limit);
  for (const routes of [
    generalRoutes,
    clientRoutes,
    exchangeRoutes,
    queueRoutes,
    vhostRoutes,
    accessRoutes,
    policyRoutes,
    definitionsRoutes,
    healthRoutes,
  ])
    routes(router);
  router.refuseOtherMethods();
  return app;
}

function answerError(c: Context, { status, error, reason }: ApiError): Response {
  return c.json({ error, reason }, status);
}

async function metrics(c: Context, management: Management): Promise<Response> {
  const perObject = c.req.path.endsWith('per-object');
  return c.text(await metricsText(management, perObject), 200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
  });
}

/** The user, or the answer for who is none: for wrong credentials after a while. */
async function authenticate(c: Context, access: AccessControl, log: Log): Promise<User | Response> {
  const header = c.req.header('authorization');
  if (header === undefined) {
    c.header('www-authenticate', realm);
    return c.body(null, 401);
  }
  const credentials = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header);
  const [name, ...password] = Buffer.from(credentials?.[1] ?? '', 'base64')
    .toString('utf8')
    .split(':');
  if (credentials && password.length === 0) return c.body(null, 400);
  if (!credentials && /^basic/i.test(header)) return c.body(null, 400);
  try {
    // The port is bound to loopback, so its peers are.
    const user = access.login({ user: name ?? '', password: password.join(':') }, '127.0.0.1');
    if (isManagementUser(user.tags)) return user;
    log.warn(`HTTP access denied: user '${name}' - Not management user`);
    return answerError(c, new ApiError(401, 'not_authorised', 'Not management user'));
  } catch (error) {
    if (!(error instanceof AuthenticationFailure)) throw error;
    log.warn(`HTTP access denied: ${error.message}`);
    await new Promise((resolve) => setTimeout(resolve, refusalDelayMs));
    c.header('www-authenticate', realm);
    return answerError(c, new ApiError(401, 'not_authorized', 'Login failed'));
  }
}
