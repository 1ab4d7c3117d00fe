/** HTTP over one open connection: what goes wrong has a code, a request that cannot be made is no failure of the network, nothing is sent twice. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChannelClient, type ChannelRequest, isUnsent, openChannelClient } from '../../src/io/channel-client.ts';

const TIMEOUT_MS = 200;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('a client of one connection', () => {
  let server: Server;
  let client: ChannelClient;
  let sent: string;
  let onRequest: (socket: Socket) => void;
  const url = new URL('https://worker.test/x');
  const ask = (over: Partial<ChannelRequest> = {}): Promise<Response> =>
    client.fetch({ url, method: 'GET', headers: [], body: null, signal: null, ...over });

  beforeEach(async () => {
    sent = '';
    onRequest = (socket) => socket.write(OK);
    server = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (bytes) => {
          sent += String(bytes);
          onRequest(socket);
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    client = openChannelClient(url, socket, TIMEOUT_MS);
  });
  afterEach(async () => {
    await client.close();
    server.close();
  });

  it('is answered', async () => {
    expect(await (await ask()).text()).toBe('ok');
    expect(sent).toMatch(/^GET \/x HTTP\/1\.1\r\n/);
  });

  it('says that time is up, not that the connection ended', async () => {
    onRequest = () => {};
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_TRANSPORT_TIMEOUT' });
  });

  it.each<[string, Partial<ChannelRequest>]>([
    ['a body where the method has none', { body: Uint8Array.of(1) }],
    ['a method that is none', { method: 'A B' }],
    ['a method that fetch does not send', { method: 'TRACE' }],
    ['a header that would be two', { headers: [['x-a', 'b\r\nx-c: d']] }],
    ['a header that belongs to the connection', { headers: [['connection', 'a b']] }],
    [
      'another length than that of the body',
      { method: 'POST', body: Uint8Array.of(1), headers: [['content-length', 'x']] },
    ],
    ['a user in the URL', { url: new URL('https://me@worker.test/x') }],
  ])('refuses %s before anything is sent', async (_name, over) => {
    const error: unknown = await ask(over).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
    expect(isUnsent(error)).toBe(false);
    expect((await ask()).status).toBe(200);
    expect(sent.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('gives the reason back to whoever gave up', async () => {
    const reason = new Error('enough');
    await expect(ask({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sent).toBe('');
  });

  it('never calls a request unsent that the server has seen', async () => {
    onRequest = (socket) => socket.destroy();
    const error: unknown = await ask({ method: 'POST', body: Uint8Array.of(1) }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    expect(isUnsent(error)).toBe(false);
    const late: unknown = await ask({ method: 'POST', body: Uint8Array.of(1) }).catch((e: unknown) => e);
    expect(late).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    expect(isUnsent(late)).toBe(true);
    expect(client.closed).toBe(true);
    expect(sent.match(/POST/g)).toHaveLength(1);
  });
});
