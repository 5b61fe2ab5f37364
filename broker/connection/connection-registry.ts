// The live connections of a node, by name, and who is told of them.
import type { Connection } from './connection.ts';

export class ConnectionRegistry {
  readonly #connections = new Map<string, Connection>();
  #blocked: string | null = null;

  add(connection: Connection): void {
    this.#connections.set(connection.name, connection);
  }

  remove(connection: Connection): void {
    if (this.#connections.get(connection.name) === connection) this.#connections.delete(connection.name);
  }

  get(name: string): Connection | undefined {
    return this.#connections.get(name);
  }

  all(): Connection[] {
    return [...this.#connections.values()];
  }

  get count(): number {
    return this.#connections.size;
  }

  /** Why publishers are held back now, null when they are not. */
  get blocked(): string | null {
    return this.#blocked;
  }

  /** From now on who publishes is told why and held back; null lets all go on. Consumers are never held. */
  block(reason: string | null): void {
    if (reason === this.#blocked) return;
    this.#blocked = reason;
    if (reason === null) for (const connection of this.#connections.values()) connection.letGo();
  }

  /** Closes every connection with 320 and this reason; resolves when all are gone. */
  async closeAll(reason: string): Promise<void> {
    await Promise.all(this.all().map((connection) => connection.closeForced(reason)));
  }
}
