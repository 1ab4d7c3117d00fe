/** HTTP/2 where the server chooses it: the same requests, answers, caps and pins as over HTTP/1.1, and servers that try what HTTP/2 makes possible. */
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HttpCall } from '../../src/io/http-client.ts';
import { authority, serverCertificate } from '../enclave/egress/world.ts';
import { type CountedClient, callTo, openCountedClient, wordsOf } from './http-calls.ts';

const certificate = serverCertificate(['a.example']);
const KEYS = { cert: certificate.pem, key: certificate.privateKeyPem };
const TLS: HttpCall['tls'] = { name: 'a.example', isAddress: false, pins: [], vouchedBy: 'authorities' };
const call = (change: Partial<HttpCall> = {}): HttpCall => callTo({ tls: TLS, port: 443, ...change });

let c: CountedClient;
afterEach(() => c.client.close());

describe('a server that speaks HTTP/2', () => {
  interface Seen {
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
    readonly trailers: Readonly<Record<string, unknown>>;
  }
  let server: Http2SecureServer;
  let seen: Seen[] = [];
  let answer: (stream: ServerHttp2Stream) => void;

  beforeAll(async () => {
    server = createSecureServer({ ...KEYS, allowHTTP1: false });
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      let trailers = {};
      stream.on('error', () => undefined);
      stream.on('trailers', (fields) => {
        trailers = { ...fields };
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        seen.push({ headers: { ...headers }, body: Buffer.concat(chunks).toString(), trailers });
        answer(stream as ServerHttp2Stream);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(() => {
    seen = [];
    answer = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] });
      stream.end('fine');
    };
    c = openCountedClient(() => (server.address() as AddressInfo).port, [authority.pem]);
  });
  afterAll(() => server.close());

  it('gets the request as it was made, and its answer is given as it came', async () => {
    const headers = [
      ['x-one', '1'],
      ['x-one', '2'],
    ] as const;
    const asked = call({ method: 'POST', path: '/v1?q=1', headers, body: Buffer.from('hi') });
    const answered = await c.client.send(asked);
    expect(wordsOf(answered)).toBe('200 fine');
    if ('failure' in answered) throw new Error(answered.failure);
    expect(answered.headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value)).toEqual([
      'a=1',
      'b=2',
    ]);
    expect(answered.headers.some(([name]) => name.startsWith(':'))).toBe(false);
    expect(seen).toMatchObject([
      {
        headers: {
          ':method': 'POST',
          ':scheme': 'https',
          ':authority': 'a.example',
          ':path': '/v1?q=1',
          'x-one': '1, 2',
          'content-length': '2',
        },
        body: 'hi',
      },
    ]);
    expect(seen[0]?.headers).not.toHaveProperty('connection');
    expect(seen[0]?.headers).not.toHaveProperty('host');
  });

  it('keeps its connection for the same key, and for no other', async () => {
    const results = [await c.ask(call()), await c.ask(call()), await c.ask(call({ reuse: { key: 'two' } }))];
    expect(results).toEqual(['200 fine', '200 fine', '200 fine']);
    expect(c.connections).toBe(2);
    const pins = [`sha256:${'0'.repeat(64)}`] as const;
    expect(await c.ask(call({ tls: { ...TLS, pins } }))).toBe('TLS-certificate-error');
    expect(seen.length).toBe(3);
  });

  it('sends and takes bodies as they come, with what follows them', async () => {
    answer = (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
      stream.write('first ');
      stream.end('second');
    };
    const body = {
      length: null,
      trailers: () => [['x-mark', 'm']] as const,
      pieces: (async function* () {
        yield Buffer.from('one ');
        yield Buffer.from('two');
      })(),
    };
    const answered = await c.client.open(call({ method: 'POST', body }), 0);
    if ('failure' in answered || answered.body instanceof Uint8Array) throw new Error('the answer is not a stream');
    const { source } = answered.body;
    const pieces: Uint8Array[] = [];
    while (source.state === 'open' || source.available > 0) {
      if (source.available > 0) pieces.push(source.take(64));
      else await source.changed();
    }
    expect(Buffer.concat(pieces).toString()).toBe('first second');
    expect([source.state, source.trailers]).toEqual(['ended', [['x-sum', '7']]]);
    expect(seen).toMatchObject([{ body: 'one two', trailers: { 'x-mark': 'm' } }]);
  });

  it('is not given a body of another length than it declares', async () => {
    const pieces = (async function* () {
      yield Buffer.from('four');
    })();
    const body = { length: 5, trailers: () => [], pieces };
    expect(wordsOf(await c.client.send(call({ method: 'POST', body })))).toBe('HTTP-protocol-error');
    expect(seen).toEqual([]);
  });

  it.each<[string, string, Partial<HttpCall>, (stream: ServerHttp2Stream) => void]>([
    [
      'a body over the cap',
      'HTTP-response-body-size',
      { maxBodyBytes: 3 },
      (s) => (s.respond({ ':status': 200 }), s.end('fine')),
    ],
    [
      'a head over the cap',
      'HTTP-response-header-section-size',
      { maxHeadBytes: 1000 },
      (s) => {
        s.respond({ ':status': 200, 'x-a': 'a'.repeat(1000) });
        s.end('fine');
      },
    ],
    [
      'more fields than anybody has',
      'HTTP-response-header-section-size',
      {},
      (s) => {
        s.respond({ ':status': 200, ...Object.fromEntries(Array.from({ length: 128 }, (_, i) => [`x-${i}`, 'a'])) });
        s.end('fine');
      },
    ],
    [
      'announcements without end',
      'HTTP-protocol-error',
      {},
      (s) => {
        for (let i = 0; i < 17; i++) s.additionalHeaders({ ':status': 103 });
        s.respond({ ':status': 200 });
        s.end('fine');
      },
    ],
    ['a reset', 'connection-terminated', {}, (s) => s.close(8)],
    ['a refusal', 'connection-terminated', {}, (s) => s.close(7)],
    ['an internal error', 'HTTP-protocol-error', {}, (s) => s.close(2)],
    [
      'a reset in the middle',
      'HTTP-protocol-error',
      {},
      (s) => {
        s.respond({ ':status': 200, 'content-length': 10 });
        s.write('fine', () => s.close(8));
      },
    ],
    [
      'a longer body than its length',
      'HTTP-protocol-error',
      {},
      (s) => {
        s.respond({ ':status': 200, 'content-length': 2 });
        s.end('fine');
      },
    ],
    [
      'no end',
      'HTTP-response-timeout',
      { deadlineMs: 150 },
      (s) => {
        s.respond({ ':status': 200 });
        s.write('fine');
      },
    ],
    ['nothing at all', 'HTTP-response-timeout', { deadlineMs: 150 }, () => undefined],
  ])('and answers with %s: %s, and its connection is not used again', async (_name, outcome, change, behave) => {
    const good = answer;
    answer = behave;
    expect(await c.ask(call(change))).toBe(outcome);
    answer = good;
    expect(await c.ask(call(change.maxHeadBytes === undefined ? {} : { maxHeadBytes: change.maxHeadBytes }))).toBe(
      '200 fine',
    );
    expect(c.connections).toBe(2);
  });

  it.each(['HEAD', 'GET'])('may answer %s without a body, and its connection is used again', async (method) => {
    answer = (stream) => stream.respond({ ':status': method === 'HEAD' ? 200 : 204 }, { endStream: true });
    expect(await c.ask(call({ method }))).toBe(method === 'HEAD' ? '200' : '204');
    expect(await c.ask(call({ method }))).toBe(method === 'HEAD' ? '200' : '204');
    expect(c.connections).toBe(1);
  });

  it('that goes away is asked anew on another connection', async () => {
    expect(await c.ask(call())).toBe('200 fine');
    answer = (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('last');
      stream.session?.goaway(0);
    };
    expect(await c.ask(call())).toBe('200 last');
    expect(await c.ask(call())).toBe('200 last');
    expect(c.connections).toBe(2);
  });
});

/** Frames as they are on the wire. [RFC 9113 4.1] */
function frame(type: number, flags: number, stream: number, payload: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
}

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const CONTINUATION = 9;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const STATUS_200 = '\x88';
/** A literal field without a place in the table. [RFC 7541 6.2.2] */
const field = (name: string, value: string): string =>
  `\x00${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`;
const OK = frame(HEADERS, END_HEADERS, 1, STATUS_200);
const BODY = frame(DATA, END_STREAM, 1, 'fine');
const many = (count: number, one: Buffer): Buffer => Buffer.concat(Array.from({ length: count }, () => one));

describe('a server that speaks HTTP/2 by hand', () => {
  let server: Server;
  let behave: (socket: TLSSocket) => void;
  let sockets: TLSSocket[] = [];

  beforeAll(async () => {
    server = createServer({ ...KEYS, ALPNProtocols: ['h2'] }, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(frame(SETTINGS, 0, 0));
      let asked = false;
      socket.on('data', () => {
        if (!asked) {
          socket.write(frame(SETTINGS, ACK, 0));
          behave(socket);
        }
        asked = true;
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(() => {
    sockets = [];
    c = openCountedClient(() => (server.address() as AddressInfo).port, [authority.pem]);
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const writing =
    (...frames: readonly Buffer[]) =>
    (socket: TLSSocket): void =>
      void socket.write(Buffer.concat(frames));

  it('is understood', async () => {
    behave = writing(OK, BODY);
    expect(await c.ask(call())).toBe('200 fine');
  });

  it.each<[string, () => Buffer[], readonly string[]]>([
    [
      'pushes what nobody asked for',
      () => [frame(PUSH_PROMISE, END_HEADERS, 1, `\0\0\0\x02${STATUS_200}`), OK, BODY],
      [],
    ],
    [
      'never ends a head',
      () => [frame(HEADERS, 0, 1, STATUS_200), many(2000, frame(CONTINUATION, 0, 1, field('x-a', 'a'.repeat(100))))],
      [],
    ],
    [
      'sends empty continuations',
      () => [
        frame(HEADERS, 0, 1, STATUS_200),
        many(2000, frame(CONTINUATION, 0, 1)),
        frame(CONTINUATION, END_HEADERS, 1),
        BODY,
      ],
      [],
    ],
    [
      'asks for answers to pings without end',
      () => [many(200_000, frame(PING, 0, 0, '12345678'))],
      ['HTTP-protocol-error', 'connection-terminated'],
    ],
    ['changes its settings without end', () => [many(200_000, frame(SETTINGS, 0, 0))], []],
    ['has too many settings', () => [frame(SETTINGS, 0, 0, '\0\x03\0\0\0\x01'.repeat(200))], []],
    [
      'sends a frame over the size',
      () => [frame(HEADERS, END_HEADERS, 1, STATUS_200), frame(DATA, END_STREAM, 1, 'x'.repeat(20_000))],
      [],
    ],
    [
      'sends a field name with capitals',
      () => [frame(HEADERS, END_HEADERS, 1, STATUS_200 + field('X-A', 'b')), BODY],
      [],
    ],
    [
      'sends a field of one connection',
      () => [frame(HEADERS, END_HEADERS, 1, STATUS_200 + field('transfer-encoding', 'chunked')), BODY],
      [],
    ],
    ['sends two statuses', () => [frame(HEADERS, END_HEADERS, 1, STATUS_200 + STATUS_200), BODY], []],
    ['sends no status', () => [frame(HEADERS, END_HEADERS, 1, field('x-a', 'b')), BODY], []],
    [
      'sends two lengths',
      () => [
        frame(HEADERS, END_HEADERS, 1, STATUS_200 + field('content-length', '4') + field('content-length', '3')),
        BODY,
      ],
      [],
    ],
    [
      'sends a shorter body than its length',
      () => [frame(HEADERS, END_HEADERS, 1, STATUS_200 + field('content-length', '5')), BODY],
      [],
    ],
    ['sends a body before its head', () => [BODY], []],
    [
      'answers what was not asked',
      () => [frame(HEADERS, END_HEADERS, 3, STATUS_200), frame(DATA, END_STREAM, 3, 'evil')],
      [],
    ],
    ['breaks its compression', () => [frame(HEADERS, END_HEADERS, 1, '\xff\xff\xff\xff\xff\xff\xff\xff')], []],
    ['names a stream that is none', () => [frame(RST_STREAM, 0, 0, '\0\0\0\0')], []],
    ['speaks HTTP/1.1', () => [Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine')], []],
    ['goes away before it answers', () => [frame(GOAWAY, 0, 0, '\0\0\0\0\0\0\0\0')], ['connection-terminated']],
  ])('and %s gets an error, and its connection is not used again', async (_name, frames, outcomes) => {
    const bytes = frames();
    behave = writing(...bytes);
    const outcome = await c.ask(call());
    const expected = outcomes.length === 0 ? ['HTTP-protocol-error'] : outcomes;
    expect(expected).toContain(outcome);
    behave = writing(OK, BODY);
    expect(await c.ask(call())).toBe('200 fine');
    expect(c.connections).toBe(2);
  });

  it('and ends without a word is one that is gone', async () => {
    behave = (socket) => void socket.destroy();
    expect(await c.ask(call())).toBe('connection-terminated');
  });

  it('and sends a field with a line end in it has sent none', async () => {
    behave = writing(
      frame(HEADERS, END_HEADERS, 1, STATUS_200 + field('x-a', 'b\r\nx-c: d') + field('x-e', 'f')),
      BODY,
    );
    const answered = await c.client.send(call());
    expect(answered).toMatchObject({ status: 200, headers: [['x-e', 'f']] });
  });

  it('and sends a second answer on the same stream has given one', async () => {
    behave = writing(OK, BODY, OK, frame(DATA, END_STREAM, 1, 'evil'));
    expect(await c.ask(call({ reuse: 'never' }))).toBe('200 fine');
  });
});
