/**
 * Servers that answer so that two readers could see two different answers: each is an error, or an answer after which the connection is never
 * used again, so that nothing of it can be taken for the answer to somebody else's request.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ReadableSource } from '../../src/io/readable-source.ts';
import { type CountedClient, callTo, openCountedClient } from './http-calls.ts';

const GOOD = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine';
const SMUGGLED = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
const PROTOCOL = 'HTTP-protocol-error';

/** What the first connection answers with; every other one is well behaved. */
let first: (socket: Socket, request: string) => void;
let server: Server;
let sockets: Socket[] = [];
let c: CountedClient;

beforeAll(async () => {
  server = createServer((socket) => {
    const behave = sockets.length === 0 ? first : (to: Socket): void => void to.write(GOOD);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => behave(socket, bytes.toString('latin1')));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
beforeEach(() => {
  sockets = [];
  c = openCountedClient(() => (server.address() as AddressInfo).port);
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const answering =
  (bytes: string, ends = false) =>
  (socket: Socket): void => {
    socket.write(Buffer.from(bytes, 'latin1'));
    if (ends) socket.end();
  };

describe('a connection', () => {
  it('is used again for the same key after an answer that leaves nothing over', async () => {
    first = answering(GOOD);
    expect([await c.ask(), await c.ask(), await c.ask()]).toEqual(['200 fine', '200 fine', '200 fine']);
    expect(c.connections).toBe(1);
  });

  it.each([
    ['chunks', `${CHUNKED}4\r\nfine\r\n0\r\n\r\n`],
    ['chunks with an extension', `${CHUNKED}4;a=b\r\nfine\r\n0\r\n\r\n`],
    ['chunks and trailers', `${CHUNKED}4\r\nfine\r\n0\r\nx-sum: 1\r\n\r\n`],
    ['sixteen announcements', `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(16)}${GOOD}`],
  ])('is used again after %s', async (_name, bytes) => {
    first = answering(bytes);
    expect([await c.ask(), await c.ask()]).toEqual(['200 fine', '200 fine']);
    expect(c.connections).toBe(1);
  });

  it.each<[string, string, string]>([
    // two lengths
    [
      'a length beside chunks',
      `${OK}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n`,
      PROTOCOL,
    ],
    [
      'chunks beside a length',
      `${OK}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n4\r\nfine\r\n0\r\n\r\n`,
      PROTOCOL,
    ],
    ['two lengths', `${OK}content-length: 4\r\ncontent-length: 3\r\n\r\nfine`, PROTOCOL],
    ['the same length twice', `${OK}content-length: 4\r\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a list of lengths', `${OK}content-length: 4, 4\r\n\r\nfine`, PROTOCOL],
    ['a length with a sign', `${OK}content-length: +4\r\n\r\nfine`, PROTOCOL],
    ['a negative length', `${OK}content-length: -4\r\n\r\nfine`, PROTOCOL],
    ['a length in hex', `${OK}content-length: 0x4\r\n\r\nfine`, PROTOCOL],
    ['a length with a blank in it', `${OK}content-length: 4 4\r\n\r\nfine`, PROTOCOL],
    ['no length where one stands', `${OK}content-length:\r\n\r\nfine`, PROTOCOL],
    ['a length that wraps around', `${OK}content-length: 18446744073709551620\r\n\r\nfine`, PROTOCOL],
    // lines
    ['a folded line', `${OK}x-a: b\r\n c\r\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a folded length', `${OK}content-length:\r\n 4\r\n\r\nfine`, PROTOCOL],
    ['bare line feeds', `${OK}x-a: b\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a head that ends with line feeds', `${OK}content-length: 4\n\nfine`, PROTOCOL],
    ['a bare carriage return in a value', `${OK}x-a: b\rcontent-length: 9\r\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a zero byte in a value', `${OK}x-a: b\0c\r\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a blank before the colon', `${OK}content-length : 4\r\n\r\nfine`, PROTOCOL],
    ['a line without a colon', `${OK}content-length\r\n\r\nfine`, PROTOCOL],
    ['a line that begins with a colon', `${OK}: x\r\ncontent-length: 4\r\n\r\nfine`, PROTOCOL],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 4\r\n\r\nfine', PROTOCOL],
    ['another protocol', 'ICY 200 OK\r\ncontent-length: 4\r\n\r\nfine', PROTOCOL],
    ['a version that is none', 'HTTP/1.9 200 OK\r\ncontent-length: 4\r\n\r\nfine', PROTOCOL],
    // chunks
    ['a size that is no hex', `${CHUNKED}4g\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a size with 0x', `${CHUNKED}0x4\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a size with a sign', `${CHUNKED}+4\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a negative size', `${CHUNKED}-4\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a size that wraps around', `${CHUNKED}10000000000000004\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a blank before the size', `${CHUNKED} 4\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a size that ends with a line feed', `${CHUNKED}4\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['a chunk that is longer than its size', `${CHUNKED}3\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    ['an extension without end', `${CHUNKED}4;${'a'.repeat(20_000)}\r\nfine\r\n0\r\n\r\n`, PROTOCOL],
    // bytes that belong to no answer
    ['a byte too many', `${GOOD}x`, PROTOCOL],
    ['a longer body than its length', `${GOOD}${'x'.repeat(100)}`, PROTOCOL],
    ['a body after 204', 'HTTP/1.1 204 No Content\r\n\r\nfine', PROTOCOL],
    ['a body after 304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nfine', PROTOCOL],
    // what comes before an answer
    ['announcements without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17) + GOOD, PROTOCOL],
    [
      'another protocol that nobody asked for',
      'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      PROTOCOL,
    ],
    // sizes
    [
      'a head that is too large',
      `${OK}x-a: ${'a'.repeat(17_000)}\r\ncontent-length: 4\r\n\r\nfine`,
      'HTTP-response-header-section-size',
    ],
    [
      'trailers that are too large',
      `${CHUNKED}4\r\nfine\r\n0\r\nx-a: ${'a'.repeat(17_000)}\r\n\r\n`,
      'HTTP-response-header-section-size',
    ],
  ])('with %s gives no answer, and is not used again', async (_name, bytes, outcome) => {
    first = answering(bytes);
    expect(await c.ask()).toBe(outcome);
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it('with a body after an answer to HEAD gives no answer, and is not used again', async () => {
    first = answering(GOOD);
    expect(await c.ask({ method: 'HEAD' })).toBe(PROTOCOL);
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it.each<[string, string, string]>([
    ['a smuggled answer after 204', `HTTP/1.1 204 No Content\r\ncontent-length: 40\r\n\r\n${SMUGGLED}`, '204'],
    ['a smuggled answer after 304', `HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n${SMUGGLED}`, '304'],
    ['two answers', GOOD + SMUGGLED, '200 fine'],
    ['more behind the last chunk', `${CHUNKED}4\r\nfine\r\n0\r\n\r\n${SMUGGLED}`, '200 fine'],
    ['the word that it ends', `${OK}connection: close\r\ncontent-length: 4\r\n\r\nfine`, '200 fine'],
    ['an older version', 'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\nfine', '200 fine'],
  ])('with %s gives its one answer, and is not used again', async (_name, bytes, outcome) => {
    first = answering(bytes);
    expect(await c.ask()).toBe(outcome);
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it.each<[string, string]>([
    ['no length', `${OK}\r\nfine`],
    ['a coding that is not chunks', `${OK}transfer-encoding: identity\r\n\r\nfine`],
    ['a coding after the chunks', `${OK}transfer-encoding: chunked, identity\r\n\r\nfine`],
    ['a coding that looks like chunks', `${OK}transfer-encoding: xchunked\r\n\r\nfine`],
  ])('with %s ends its answer by its end, and is not used again', async (_name, bytes) => {
    first = answering(bytes, true);
    expect(await c.ask()).toBe('200 fine');
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it('whose answer is cut short gives none, and is not used again', async () => {
    first = answering(`${OK}content-length: 5\r\n\r\nfine`, true);
    expect(await c.ask()).toBe('connection-terminated');
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it('that says something while nobody asks is ended', async () => {
    first = answering(GOOD);
    expect(await c.ask()).toBe('200 fine');
    const [socket] = sockets;
    if (socket === undefined) throw new Error('nobody connected');
    const closed = once(socket, 'close');
    socket.write(SMUGGLED);
    await closed;
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it.each<[string, number, (source: ReadableSource) => void]>([
    ['is read to its end serves again', 1, (source) => void source.take(100)],
    ['nobody wants is not used again', 2, (source) => source.cancel()],
  ])('whose answer is given as it comes and %s', async (_name, connections, read) => {
    first = answering(GOOD);
    const answer = await c.client.open(callTo(), 0);
    if ('failure' in answer || answer.body instanceof Uint8Array)
      throw new Error('the answer was not given as it came');
    const { source } = answer.body;
    while (source.available < 4) await source.changed();
    read(source);
    while (source.state === 'open') await source.changed();
    // What may be left over is looked at in the next turn.
    await setImmediate();
    await setImmediate();
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(connections);
  });

  it('whose answer was whole before its request is not used again', async () => {
    first = (socket, request) => {
      if (request.startsWith('POST')) socket.write(GOOD);
    };
    const rest = Promise.withResolvers<void>();
    const body = {
      length: null,
      trailers: () => [],
      pieces: (async function* () {
        yield Buffer.from('a part');
        await rest.promise;
        // What a server that has answered already would read as the next request.
        yield Buffer.from('GET /evil HTTP/1.1\r\n\r\n');
      })(),
    };
    const answer = await c.client.open(callTo({ method: 'POST', body }), 0);
    if ('failure' in answer || answer.body instanceof Uint8Array)
      throw new Error('the answer was not given as it came');
    const { source } = answer.body;
    expect(Buffer.from(source.take(100)).toString()).toBe('fine');
    while (source.state === 'open') await source.changed();
    rest.resolve();
    expect(await c.ask()).toBe('200 fine');
    expect(c.connections).toBe(2);
  });
});

describe('an idle connection', () => {
  it.each<[string, object]>([
    ['key', { reuse: { key: 'two' } }],
    ['address', { address: '192.0.2.2' }],
    ['port', { port: 8080 }],
    ['cap on heads', { maxHeadBytes: 8 * 1024 }],
  ])('is not given to a call with another %s', async (_name, change) => {
    first = answering(GOOD);
    expect([await c.ask(), await c.ask(change)]).toEqual(['200 fine', '200 fine']);
    expect(c.connections).toBe(2);
    expect([await c.ask(), await c.ask(change)]).toEqual(['200 fine', '200 fine']);
    expect(c.connections).toBe(2);
  });

  it('is neither used by a call that reuses none, nor left behind by it', async () => {
    first = answering(GOOD);
    expect([await c.ask(), await c.ask({ reuse: 'never' }), await c.ask({ reuse: 'never' })]).toHaveLength(3);
    expect(c.connections).toBe(3);
  });

  it('that has ended costs a request that may be asked twice nothing, and is not used for another', async () => {
    let asked = 0;
    first = (socket) => {
      asked += 1;
      // The second request meets a server that is just about to end it.
      if (asked === 1) socket.write(GOOD);
      else socket.destroy();
    };
    expect([await c.ask(), await c.ask()]).toEqual(['200 fine', '200 fine']);
    expect(c.connections).toBe(2);
    sockets = [];
    asked = 0;
    c = openCountedClient(() => (server.address() as AddressInfo).port);
    expect(await c.ask()).toBe('200 fine');
    expect(await c.ask({ method: 'POST', body: Buffer.from('x') })).toBe('200 fine');
    expect([asked, c.connections]).toEqual([1, 2]);
  });

  it('is not asked twice when its answer is none that can be read', async () => {
    let asked = 0;
    first = (socket) => {
      asked += 1;
      socket.write(asked === 1 ? GOOD : 'HTTP/1.1 2000 OK\r\n\r\n');
    };
    expect([await c.ask(), await c.ask()]).toEqual(['200 fine', PROTOCOL]);
    expect([asked, c.connections]).toEqual([2, 1]);
  });

  it('is one of so many, for one key and for all, and the oldest goes first', async () => {
    const counted = openCountedClient(() => (server.address() as AddressInfo).port, [], {
      maxIdle: 3,
      maxIdlePerKey: 2,
      idleMs: 60_000,
    });
    const ends: Promise<unknown>[] = [];
    const open: Socket[] = [];
    const onConnection = (socket: Socket): void => {
      open.push(socket);
      ends.push(once(socket, 'close'));
    };
    server.on('connection', onConnection);
    first = answering(GOOD);
    await Promise.all([1, 2, 3].map(() => counted.ask()));
    // Three were needed at once, and two are kept.
    await Promise.any(ends);
    expect(open.filter(({ destroyed }) => destroyed).length).toBe(1);
    await counted.ask({ reuse: { key: 'two' } });
    await counted.ask({ reuse: { key: 'three' } });
    expect(counted.connections).toBe(5);
    await counted.ask({ reuse: { key: 'two' } });
    await counted.ask({ reuse: { key: 'three' } });
    expect(counted.connections).toBe(5);
    counted.client.close();
    await Promise.all(ends);
    server.off('connection', onConnection);
  });

  it('is ended after a while', async () => {
    const counted = openCountedClient(() => (server.address() as AddressInfo).port, [], {
      maxIdle: 3,
      maxIdlePerKey: 2,
      idleMs: 1,
    });
    first = answering(GOOD);
    await counted.ask();
    const [socket] = sockets;
    if (socket === undefined) throw new Error('nobody connected');
    if (!socket.destroyed) await once(socket, 'close');
    await counted.ask();
    expect(counted.connections).toBe(2);
  });
});
