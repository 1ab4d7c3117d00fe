/** A connection before anybody trusts it: whatever the other end or the network does gives a typed error in time, and ends the connection. */
import { once } from 'node:events';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIdentity } from '../../src/enclave/identity.ts';
import { TransportError } from '../../src/errors.ts';
import { postOnSocket } from '../../src/io/http-exchange.ts';
import { openTlsConnection, type TlsConnection } from '../../src/io/tls-connection.ts';

const TIMEOUT_MS = 5000;
const REQUEST = { authority: 'worker.test', path: '/x', contentType: 'text/plain', body: Uint8Array.of(1) };
const CAPS = { maxBodyBytes: 100, timeoutMs: TIMEOUT_MS };
/** A record of application data under no key. [RFC 8446 5.2] */
const BROKEN_RECORD = Buffer.from([0x17, 3, 3, 0, 32, ...Array<number>(32).fill(7)]);

let server: Server;
let accepted: TLSSocket[] = [];

async function listen(on: Server): Promise<number> {
  on.listen(0, '127.0.0.1');
  await once(on, 'listening');
  return (on.address() as AddressInfo).port;
}

let port: number;
beforeAll(async () => {
  const identity = await openIdentity(new Date());
  server = createTlsServer(
    { key: identity.privateKeyPem, cert: identity.certificatePem, minVersion: 'TLSv1.3' },
    (socket) => {
      socket.on('error', () => {});
      accepted.push(socket);
    },
  );
  server.on('tlsClientError', () => {});
  port = await listen(server);
});
afterAll(() => {
  for (const socket of accepted) socket.destroy();
  accepted = [];
  server.close();
});

const dial = (over: Partial<Parameters<typeof openTlsConnection>[0]> = {}): Promise<TlsConnection> =>
  openTlsConnection({ host: '127.0.0.1', port, timeoutMs: TIMEOUT_MS, clientCertificate: null, ...over });

/** Passes bytes on to the server; `onAnswer` stands between its answers and the client. */
async function openRelay(onAnswer: (bytes: Buffer, client: Socket) => void): Promise<Server> {
  const relay = createTcpServer((client) => {
    const upstream = connectTcp(port, '127.0.0.1');
    client.on('error', () => {}).on('close', () => upstream.destroy());
    upstream.on('error', () => {}).on('data', (bytes) => onAnswer(Buffer.from(bytes), client));
    client.on('data', (bytes) => upstream.write(bytes));
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return relay;
}

describe('a TLS connection', () => {
  it('gives both ends the same keying material, and another one for another context', async () => {
    const [connection, [other]] = await Promise.all([dial(), once(server, 'secureConnection') as Promise<[TLSSocket]>]);
    const one = connection.exportKey('EXPORTER-anchorhold-attestation', 'worker');
    expect(one).toHaveLength(32);
    expect(connection.exportKey('EXPORTER-anchorhold-attestation', 'other')).not.toEqual(one);
    const theirs = other.exportKeyingMaterial(32, 'EXPORTER-anchorhold-attestation', Buffer.from('worker'));
    expect(Uint8Array.from(theirs)).toEqual(one);
    connection.socket.destroy();
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
    'is not dialled with a longest wait of %s ms',
    async (timeoutMs) => {
      await expect(dial({ timeoutMs })).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
    },
  );

  it('is not dialled with a certificate or key that cannot be read', async () => {
    const clientCertificate = { certPem: 'certificate', keyPem: 'key' };
    await expect(dial({ clientCertificate })).rejects.toMatchObject({ code: 'ERR_SECRET_UNREADABLE' });
  });

  it('ends at once when the network puts a broken record into it', async () => {
    let answers = 0;
    const relay = await openRelay((bytes, client) => {
      answers += 1;
      if (answers === 1) client.write(Buffer.concat([bytes, BROKEN_RECORD]));
    });
    const connection = await dial({ port: (relay.address() as AddressInfo).port });
    const start = performance.now();
    await expect(postOnSocket(connection.socket, REQUEST, CAPS)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_CLOSED',
    });
    expect(performance.now() - start).toBeLessThan(TIMEOUT_MS / 2);
    expect(connection.socket.destroyed).toBe(true);
    relay.close();
  });

  it('that has ended gives no keying material and takes no request', async () => {
    const connection = await dial();
    connection.socket.destroy();
    await once(connection.socket, 'close');
    const exported = (): Uint8Array => connection.exportKey('EXPORTER-anchorhold-attestation', 'worker');
    expect(exported).toThrow(TransportError);
    await expect(postOnSocket(connection.socket, REQUEST, CAPS)).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_CLOSED',
    });
  });

  it('whose handshake comes in drops is given up in time', async () => {
    const drops = createTcpServer((client) => {
      const drip = setInterval(() => client.write(Uint8Array.of(0x16)), 20);
      client.on('error', () => {}).on('close', () => clearInterval(drip));
    });
    await expect(dial({ port: await listen(drops), timeoutMs: 200 })).rejects.toBeInstanceOf(TransportError);
    drops.close();
  });
});
