/** The peer of a worker that opens sessions: the same key, TLS options and kind of answer, and nothing else: no HTTP parser, no evidence. */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Identity } from '../src/enclave/identity.ts';
import { tlsOptionsOf } from '../src/enclave/listener.ts';

const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\nhello\n';

export interface BareServer {
  readonly port: number;
  close(): void;
}

/** Opens a server that answers the first bytes of each connection. */
export async function openBareTlsServer(identity: Identity): Promise<BareServer> {
  const server = createServer(tlsOptionsOf(identity));
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.write(ANSWER));
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
