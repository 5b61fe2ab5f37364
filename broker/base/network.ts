// Connections as a door to the world: what the nodes of a pair need of TCP, so that the simulator can delay, cut and
// half-open them under the real code. A socket of node:net is a Connection.

export interface Connection {
  readonly connecting: boolean;
  readonly destroyed: boolean;
  on(event: 'connect' | 'close', listener: () => void): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** False when it has more waiting than it likes. */
  write(bytes: Uint8Array): boolean;
  /** Writes until `uncork` go out together. */
  cork(): void;
  uncork(): void;
  destroy(): unknown;
}

/** A place where connections are accepted. */
export interface Accepting {
  readonly port: number;
  /** Accepts no more; what was accepted stays. */
  close(): void;
}

export interface Network {
  connect(address: { host: string; port: number }): Connection;
  /** Port 0 is any free one. Rejects when the port cannot be had. */
  accept(host: string, port: number, accepted: (connection: Connection) => void): Promise<Accepting>;
}
