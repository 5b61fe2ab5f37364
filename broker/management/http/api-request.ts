// One request to the HTTP API: who asks, what the path and the query name, what the body carries; and the answer.
import type { Context } from 'hono';
import type { AccessControl, User } from '../../auth/access-control.ts';
import { isAdministrator } from '../../auth/tags.ts';
import type { NodeProcedureName, NodeProcedures } from '../../contract/node-procedures.ts';
import type { OutputOf } from '../../contract/procedure.ts';
import type { Vhost } from '../../vhost/vhost.ts';
import type { Management } from '../management.ts';
import { ApiError, badRequest, notAuthorised, notFound } from './api-error.ts';
import { mappedInTurns } from '../in-turns.ts';
import { answeredInTurns, answeredList, columnsOf, cutTo, jsonInTurns, type Json } from './list-answer.ts';

export class ApiRequest {
  readonly management: Management;
  readonly access: AccessControl;
  readonly user: User;
  readonly #context: Context;

  constructor(context: Context, management: Management, access: AccessControl, user: User) {
    this.#context = context;
    this.management = management;
    this.access = access;
    this.user = user;
  }

  // ---- What is asked ----

  get node(): string {
    return this.management.parts.services.nodeName;
  }

  get path(): string {
    return this.#context.req.path;
  }

  param(name: string): string {
    return this.#context.req.param(name)!;
  }

  optionalParam(name: string): string | undefined {
    return this.#context.req.param(name);
  }

  query(name: string): string | undefined {
    return this.#context.req.query(name);
  }

  header(name: string): string | undefined {
    return this.#context.req.header(name);
  }

  /** Of an exchange: in paths the default one is amq.default. */
  exchangeParam(name: string): string {
    const given = this.param(name);
    return given === 'amq.default' ? '' : given;
  }

  /** The virtual host that the path names, if it names one; undefined as well when it does not exist. */
  get vhost(): Vhost | undefined {
    const name = this.vhostName;
    return name === undefined ? undefined : this.management.parts.services.vhosts.get(name);
  }

  get vhostName(): string | undefined {
    return this.#context.req.param('vhost');
  }

  /** Whether lists show the user what is in a virtual host: to administrators all is shown. */
  sees(vhost: string): boolean {
    return isAdministrator(this.user.tags) || this.access.mayOpen(this.user.name, vhost);
  }

  /** Throws ApiError 404 when the path's virtual host does not exist. */
  existingVhost(): Vhost {
    const { vhost } = this;
    if (!vhost) throw notFound();
    return vhost;
  }

  /** The same for a declaration, whose refusal has its own words. */
  vhostToChange(): Vhost {
    const { vhost } = this;
    if (!vhost) throw new ApiError(404, 'not_found', 'vhost_not_found');
    return vhost;
  }

  /** The same where RabbitMQ opens a connection of its own, which is refused a virtual host that is not there. */
  vhostThroughChannel(): Vhost {
    const { vhost } = this;
    if (!vhost || !this.access.mayOpen(this.user.name, vhost.name)) throw notAuthorised('Access refused.');
    return vhost;
  }

  /** The body as an object; an empty one is none. Throws ApiError 400. */
  async body(problem = 'not_json'): Promise<Json> {
    const text = await this.#context.req.text();
    if (text.trim() === '') return {};
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw badRequest(problem);
    }
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw badRequest(problem);
    return value as Json;
  }

  // ---- What is done ----

  /** As the user, whose permissions count. Throws ContractError. */
  call<Name extends NodeProcedureName>(name: Name, input: unknown): Promise<OutputOf<NodeProcedures[Name]>> {
    return this.management.call(name, input, { user: this.user.name, restricted: this.user });
  }

  /** Every row of a list. */
  rows<Row>(name: NodeProcedureName, input: Json = {}): Promise<Row[]> {
    return this.management.rows(name, input, { user: this.user.name, restricted: this.user }) as Promise<
      Row[]
    >;
  }

  // ---- What is answered ----

  /** An object, cut to the columns that were asked for. */
  answer(body: Json): Response {
    return this.#context.json(cutTo(body, columnsOf(this.query('columns'))));
  }

  /** A value as it is. */
  json(body: unknown, status: 200 | 503 = 200): Response {
    return this.#context.json(body, status);
  }

  /** Sorted, paged and cut as the query asks. */
  list(rows: Json[], defaultSort: readonly string[] = ['vhost', 'name']): Response {
    return this.#context.json(answeredList(rows, this.#context.req.query(), defaultSort));
  }

  /** The same of very many rows, which are shaped, sorted and written out a few at a time. */
  async longList<Row>(
    rows: Row[],
    shape: (row: Row) => Json,
    defaultSort: readonly string[] = ['vhost', 'name'],
  ): Promise<Response> {
    const { turns } = this.management.parts.services.vhosts;
    const shaped = await mappedInTurns(turns, rows, shape);
    const answer = await answeredInTurns(turns, shaped, this.#context.req.query(), defaultSort);
    return this.#context.body(await jsonInTurns(turns, answer), 200, { 'content-type': 'application/json' });
  }

  nothing(): Response {
    return this.#context.body(null, 204);
  }

  /** Of a PUT: 201 for something new, 204 for something that was there. */
  put(existed: boolean): Response {
    return this.#context.body(null, existed ? 204 : 201);
  }

  created(location: string): Response {
    this.#context.header('location', location);
    return this.#context.body(null, 201);
  }
}
