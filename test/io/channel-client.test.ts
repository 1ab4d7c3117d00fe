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

  it('is answered with all that fetch gives', async () => {
    onRequest = (socket) =>
      socket.write('HTTP/1.1 201 Made\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n');
    const response = await ask();
    expect(response).toBeInstanceOf(Response);
    expect(response).toMatchObject({ status: 201, statusText: 'Made', url: url.href, ok: true });
    expect(response.headers.getSetCookie()).toEqual(['a', 'b']);
    expect(await response.text()).toBe('');
    onRequest = (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    expect(await ask()).toMatchObject({ status: 204, body: null });
  });

  it.each<[string, string, (socket: Socket) => void]>([
    ['ends', 'ERR_TRANSPORT_CLOSED', (socket) => socket.destroy()],
    ['does not come', 'ERR_TRANSPORT_TIMEOUT', () => {}],
  ])('says so when the rest of an answer %s', async (_name, code, then) => {
    onRequest = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', () => then(socket));
    const response = await ask();
    await expect(response.text()).rejects.toMatchObject({ code });
  });

  it('ends the connection of whoever gives up an answer half read, and gives the reason back', async () => {
    onRequest = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    const reason = new Error('enough');
    const abort = new AbortController();
    const response = await ask({ signal: abort.signal });
    abort.abort(reason);
    await expect(response.text()).rejects.toBe(reason);
    onRequest = (socket) => socket.write(OK);
    expect(isUnsent(await ask().catch((e: unknown) => e))).toBe(true);
  });

  it('ends with an answer that is cancelled', async () => {
    onRequest = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    await (await ask()).body?.cancel();
    expect(isUnsent(await ask().catch((e: unknown) => e))).toBe(true);
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
