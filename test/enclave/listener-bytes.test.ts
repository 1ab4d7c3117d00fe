/** Any bytes on the worker's port: it goes on, and answers the next good request. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WholeResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { type GenuineListener, openGenuineListener } from '../e2e/genuine-listener.ts';

let genuine: GenuineListener;
const targets: string[] = [];
let answer: WholeResponse = { status: 200, headers: [], body: new Uint8Array() };
const failures: unknown[] = [];
const onFailure = (error: unknown): void => void failures.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', onFailure).on('uncaughtExceptionMonitor', onFailure);
  genuine = await openGenuineListener(async (request) => {
    targets.push(request.target);
    if (request.target === '/read') await request.readBody(100);
    return answer;
  });
});
afterAll(async () => {
  await genuine[Symbol.asyncDispose]();
  process.off('unhandledRejection', onFailure).off('uncaughtExceptionMonitor', onFailure);
  expect(failures).toEqual([]);
});

async function dial(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: genuine.listener.port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends pieces, ends its side unless told to wait, and gives all that comes back until the worker ends its own. */
async function exchange(pieces: readonly (string | Uint8Array)[], waits = false): Promise<string> {
  const socket = await dial();
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  for (const piece of pieces) if (socket.writable) socket.write(piece);
  if (!waits) socket.end();
  if (!socket.destroyed) await once(socket, 'close');
  return text;
}

const GOOD = 'GET /good HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n';

async function expectGood(): Promise<void> {
  expect(await exchange([GOOD])).toMatch(/^HTTP\/1\.1 200 /);
}

const piece = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string(),
  fc.constantFrom(
    'GET /good HTTP/1.1\r\n',
    'POST /read HTTP/1.1\r\nhost: w\r\n',
    'CONNECT a:1 HTTP/1.1\r\nhost: w\r\n\r\n',
    'TRACE / HTTP/1.1\r\nhost: w\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nhost: w\r\n\r\n',
    'HEAD /good HTTP/1.1\r\nhost: w\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET https://w/good HTTP/1.1\r\nhost: w\r\n\r\n',
    'host: w\r\n',
    'upgrade: websocket\r\nconnection: upgrade\r\n',
    'expect: 100-continue\r\n',
    'expect: 200-maybe\r\n',
    'content-length: 5\r\n',
    'transfer-encoding: chunked\r\n',
    'transfer-encoding: xchunked\r\n',
    '\r\n',
    '\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '\0',
    ' folded: header\r\n',
  ),
);

describe('the port', () => {
  it('answers a good request after any bytes', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        await exchange(pieces);
        await expectGood();
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: w\r\n\r\n', /^(?:HTTP\/1\.1 4\d\d |$)/],
    [
      'an upgrade',
      'GET /good HTTP/1.1\r\nhost: w\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n',
      /^HTTP\/1\.1 501 [\s\S]*ERR_POLICY_UPGRADE/,
    ],
    [
      'another expectation',
      'GET /good HTTP/1.1\r\nhost: w\r\nexpect: 200-maybe\r\nconnection: close\r\n\r\n',
      /^HTTP\/1\.1 417 /,
    ],
    ['TRACE', 'TRACE /good HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 200 /],
    [
      'two hosts',
      'GET /good HTTP/1.1\r\nhost: w\r\nhost: v\r\nconnection: close\r\n\r\n',
      /^HTTP\/1\.1 400 [\s\S]*ERR_POLICY_REQUEST/,
    ],
    ['two equal hosts', 'GET /good HTTP/1.1\r\nhost: w\r\nhost: w\r\nconnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
  ])('leaves no socket open after %s', async (_name, bytes, expected) => {
    const text = await exchange([bytes], true);
    expect(text).toMatch(expected);
    await expectGood();
  });

  it('answers requests that come at once in their order', async () => {
    const text = await exchange(['GET /a HTTP/1.1\r\nhost: w\r\n\r\n'.repeat(20), GOOD], true);
    expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(21);
    expect(targets.slice(-21)).toEqual([...Array.from({ length: 20 }, () => '/a'), '/good']);
  });

  it('reads a body in chunks of one byte', async () => {
    const chunks = '1\r\nx\r\n'.repeat(100);
    const head = 'POST /read HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n';
    expect(await exchange([head, chunks, '0\r\n\r\n'])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange([head, chunks, '1\r\nx\r\n', '0\r\n\r\n'])).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('an answer that HTTP cannot carry', () => {
  it.each<[string, WholeResponse]>([
    ['a line break', { status: 200, headers: [['x', 'a\r\nset-cookie: b']], body: new Uint8Array() }],
    ['a character over one byte', { status: 200, headers: [['x', 'ž']], body: new Uint8Array() }],
    ['a name that is none', { status: 200, headers: [['x y', 'z']], body: new Uint8Array() }],
    ['a status that is none', { status: 1, headers: [], body: new Uint8Array() }],
  ])('because of %s ends its connection only', async (_name, bad) => {
    const good = answer;
    answer = bad;
    const text = await exchange([GOOD]);
    answer = good;
    expect(text).not.toContain('set-cookie');
    expect(text).not.toMatch(/^HTTP\/1\.1 200 /);
    await expectGood();
  });

  it.each([
    [204, 'GET'],
    [304, 'GET'],
    [200, 'HEAD'],
  ])('because %i to %s has no body goes without it', async (status, method) => {
    const good = answer;
    answer = { status, headers: [['content-type', 'text/plain']], body: Buffer.from('smuggled') };
    const text = await exchange([GOOD.replace('GET', method)]);
    answer = good;
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(text).not.toContain('smuggled');
  });
});
