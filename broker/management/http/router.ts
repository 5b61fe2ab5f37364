// The paths of the HTTP API. Each route says what it needs of the user; the router sees to it before the handler
// runs, and answers 405 for a method that a path does not have.
import type { Context, Hono, MiddlewareHandler } from 'hono';
import type { User } from '../../auth/access-control.ts';
import { isAdministrator, isMonitor, isPolicymaker } from '../../auth/tags.ts';
import { ApiRequest } from './api-request.ts';
import { notAuthorised } from './api-error.ts';
import type { AccessControl } from '../../auth/access-control.ts';
import type { Management } from '../management.ts';

/** What RabbitMQ asks of users, path by path. */
export type Need =
  | 'any'
  | 'monitor'
  | 'administrator'
  /** To see the virtual host that the path names: by its permissions, or as an administrator. */
  | 'vhost'
  /** As `vhost`; monitors see all. */
  | 'visible vhost'
  /** To set policies and parameters in the virtual host. */
  | 'policies'
  | 'global parameters';

export type Handler = (request: ApiRequest) => Response | Promise<Response>;
/** The user, or the answer for who is none. */
export type Authenticate = (c: Context) => Promise<User | Response>;
export interface ApiEnv {
  Variables: { user: User };
}
type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export class Router {
  readonly #app: Hono<ApiEnv>;
  readonly #management: Management;
  readonly #access: AccessControl;
  readonly #authenticate: Authenticate;
  readonly #bodyLimit: MiddlewareHandler;
  readonly #methods = new Map<string, Method[]>();

  constructor(
    app: Hono<ApiEnv>,
    management: Management,
    access: AccessControl,
    authenticate: Authenticate,
    bodyLimit: MiddlewareHandler,
  ) {
    this.#app = app;
    this.#management = management;
    this.#access = access;
    this.#authenticate = authenticate;
    this.#bodyLimit = bodyLimit;
  }

  get(path: string, need: Need, handler: Handler): void {
    this.#add('GET', path, need, handler);
  }

  put(path: string, need: Need, handler: Handler): void {
    this.#add('PUT', path, need, handler);
  }

  post(path: string, need: Need, handler: Handler): void {
    this.#add('POST', path, need, handler);
  }

  delete(path: string, need: Need, handler: Handler): void {
    this.#add('DELETE', path, need, handler);
  }

  /** After all routes: every other method of their paths. */
  refuseOtherMethods(): void {
    for (const [path, methods] of this.#methods)
      this.#app.all(`/api/${path}`, (c) => {
        c.header('allow', ['HEAD', ...methods, 'OPTIONS'].join(', '));
        return c.body(null, c.req.method === 'OPTIONS' ? 200 : 405);
      });
  }

  #add(method: Method, path: string, need: Need, handler: Handler): void {
    this.#methods.set(path, [...(this.#methods.get(path) ?? []), method]);
    const known: MiddlewareHandler<ApiEnv> = async (c, next) => {
      const user = await this.#authenticate(c);
      if (user instanceof Response) return user;
      c.set('user', user);
      return next();
    };
    // In this order: of somebody unknown no body is read.
    this.#app.on(method, `/api/${path}`, known, this.#bodyLimit, (c) => {
      const request = new ApiRequest(c, this.#management, this.#access, c.get('user'));
      authorise(request, need);
      return handler(request);
    });
  }
}

/** Throws ApiError 401. */
function authorise(request: ApiRequest, need: Need): void {
  const { tags } = request.user;
  if (isAdministrator(tags) || need === 'any') return;
  switch (need) {
    case 'administrator':
      throw notAuthorised('Not administrator user');
    case 'monitor':
      if (isMonitor(tags)) return;
      throw notAuthorised('Not monitor user');
    case 'vhost':
      if (mayOpenVhost(request)) return;
      throw notAuthorised('User not authorised to access virtual host');
    case 'visible vhost':
      if (isMonitor(tags) || mayOpenVhost(request)) return;
      throw notAuthorised('User not authorised to access virtual host');
    case 'policies':
      if (isPolicymaker(tags) && mayOpenVhost(request)) return;
      throw notAuthorised('User not authorised to access object');
    case 'global parameters':
      if (isPolicymaker(tags)) return;
      throw notAuthorised('User not authorised to access object');
  }
}

/** A virtual host that does not exist is found missing later. */
function mayOpenVhost({ access, user, vhost }: ApiRequest): boolean {
  return vhost === undefined || access.mayOpen(user.name, vhost.name);
}
