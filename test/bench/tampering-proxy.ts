// Stands between the load generator and a broker and does to one delivery what no broker may.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type Tampering = 'none' | 'lose' | 'double' | 'swap' | 'damage-marks' | 'damage-middle';

/** Which delivery it happens to, counted from the first: one of the sample whose bodies are compared whole. */
export const victim = 128;

export class TamperingProxy {
  readonly #tampering: Tampering;
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  deliveries = 0;

  static async start(target: number, tampering: Tampering): Promise<TamperingProxy> {
    const proxy = new TamperingProxy(target, tampering);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(target: number, tampering: Tampering) {
    this.#target = target;
    this.#tampering = tampering;
    this.#server = createServer((client) => this.#relay(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(client: Socket): void {
    const broker = connect(this.#target, '127.0.0.1');
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    client.on('data', (chunk) => broker.write(chunk));
    const rest: Buffer[] = [];
    let kept: Buffer[] = [];
    broker.on('data', (chunk) => {
      rest.push(chunk);
      const bytes = Buffer.concat(rest.splice(0));
      let at = 0;
      while (bytes.length - at >= 8 && bytes.length - at >= bytes.readUInt32BE(at + 3) + 8) {
        const end = at + bytes.readUInt32BE(at + 3) + 8;
        kept.push(bytes.subarray(at, end));
        at = end;
        // A delivery is three frames; of other methods each goes on alone.
        const begun = kept[0]!.readUInt32BE(7) === 0x003c003c;
        if (begun && kept.length < 3) continue;
        client.write(begun ? this.#delivery(Buffer.concat(kept)) : kept[0]!);
        kept = [];
      }
      if (at < bytes.length) rest.push(bytes.subarray(at));
    });
  }

  #swapped: Buffer | null = null;

  #delivery(delivery: Buffer): Buffer {
    this.deliveries++;
    if (this.#swapped) {
      const both = Buffer.concat([delivery, this.#swapped]);
      this.#swapped = null;
      return both;
    }
    if (this.deliveries !== victim) return delivery;
    switch (this.#tampering) {
      case 'none':
        return delivery;
      case 'lose':
        return Buffer.alloc(0);
      case 'double':
        return Buffer.concat([delivery, delivery]);
      case 'swap':
        this.#swapped = delivery;
        return Buffer.alloc(0);
      case 'damage-marks':
        delivery[delivery.length - 2]! ^= 1;
        return delivery;
      case 'damage-middle':
        delivery[delivery.length - 10]! ^= 1;
        return delivery;
    }
  }
}
