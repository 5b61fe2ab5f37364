// The machine's own TCP.
import { connect, createServer, type AddressInfo } from 'node:net';
import type { Network } from './network.ts';

export const osNetwork: Network = {
  connect: ({ host, port }) => connect({ host, port, noDelay: true }),
  accept: (host, port, accepted) =>
    new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, accepted);
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve({ port: (server.address() as AddressInfo).port, close: () => void server.close() });
      });
    }),
};
