// RabbitMQ's management HTTP API and /metrics on a port of their own.
import { serve, type ServerType } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import type { AccessControl } from '../../auth/access-control.ts';
import type { Log } from '../../base/log.ts';
import type { Management } from '../management.ts';
import { createHttpApi } from './api.ts';

export class HttpServer {
  readonly #management: Management;
  readonly #access: AccessControl;
  readonly #log: Log;
  #server: ServerType | null = null;

  constructor(management: Management, access: AccessControl, log: Log) {
    this.#management = management;
    this.#access = access;
    this.#log = log;
  }

  /** Resolves with the port. Rejects when it is taken. */
  listen(hostname: string, port: number): Promise<number> {
    const app = createHttpApi(this.#management, this.#access, this.#log);
    return new Promise((resolve, reject) => {
      const server = serve({ fetch: app.fetch, hostname, port });
      server.once('error', reject);
      server.once('listening', () => resolve((server.address() as AddressInfo).port));
      this.#server = server;
    });
  }

  close(): Promise<void> {
    const server = this.#server;
    if (!server) return Promise.resolve();
    return new Promise((resolve) => {
      server.close(() => resolve());
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  }
}
