/** The worker's port against clients that do not behave: nothing hangs, nothing ends the worker, nothing reaches the gate that should not. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTESTATION_PATH } from '../../src/attestation/evidence.ts';
import type { GateRequest } from '../../src/enclave/gate.ts';
import { type GenuineListener, openGenuineListener } from '../e2e/genuine-listener.ts';

let genuine: GenuineListener;
const asked: GateRequest[] = [];
beforeAll(async () => {
  genuine = await openGenuineListener(async (request) => {
    asked.push(request);
    const body = request.target === '/read' ? await request.readBody(10) : new Uint8Array();
    return {
      status: 200,
      headers: [
        ['transfer-encoding', 'chunked'],
        ['x-own', '1'],
      ],
      body,
    };
  });
});
afterAll(async () => {
  await genuine[Symbol.asyncDispose]();
});

async function dial(options: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: genuine.listener.port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends raw bytes and gives all that comes back until the worker closes, or until the text is seen. */
async function exchange(bytes: string, until: string | null): Promise<string> {
  const socket = await dial();
  let text = '';
  socket.write(bytes);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    if (until !== null && text.includes(until)) break;
  }
  socket.destroy();
  return text;
}

const post = (path: string, body: string, extra = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: w\r\ncontent-length: ${body.length}\r\n${extra}\r\n${body}`;

describe('the listener', () => {
  it('speaks TLS 1.3 only', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: genuine.listener.port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    const [error] = (await once(socket, 'error')) as [Error & { code: string }];
    expect(error.code).toMatch(/ALERT|PROTOCOL/);
  });

  it('resumes no session', async () => {
    const first = await dial();
    const kept = once(first, 'session') as Promise<[Buffer]>;
    first.write(post('/x', ''));
    const [session] = await kept;
    const second = await dial({ session });
    expect(second.isSessionReused()).toBe(false);
    first.destroy();
    second.destroy();
  });

  it.each([
    ['31 bytes', post(ATTESTATION_PATH, 'n'.repeat(31))],
    ['33 bytes', post(ATTESTATION_PATH, 'n'.repeat(33))],
    ['no body', `POST ${ATTESTATION_PATH} HTTP/1.1\r\nhost: w\r\n\r\n`],
    ['another method', `GET ${ATTESTATION_PATH} HTTP/1.1\r\nhost: w\r\n\r\n`],
  ])('refuses a request for evidence with %s', async (_name, bytes) => {
    const text = await exchange(bytes, 'hint');
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('ERR_POLICY_REQUEST');
  });

  it('gives evidence for a nonce of 32 bytes', async () => {
    const text = await exchange(post(ATTESTATION_PATH, 'n'.repeat(32)), 'anchorhold-evidence/1');
    expect(text).toMatch(/^HTTP\/1\.1 200 [\s\S]*anchorhold-simulated: SIMULATED/i);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['two lengths', 'POST /x HTTP/1.1\r\nhost: w\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /x HTTP/1.1\r\nhost: w\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a space before the colon', 'GET /x HTTP/1.1\r\nhost : w\r\n\r\n'],
    ['no host', 'GET /x HTTP/1.1\r\n\r\n'],
    ['a bare carriage return', 'GET /x HTTP/1.1\r\nhost: w\r\na: b\rc: d\r\n\r\n'],
    ['headers over the cap', `GET /x HTTP/1.1\r\nhost: w\r\na: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('hands nothing to the gate of a request with %s', async (_name, bytes) => {
    const before = asked.length;
    await exchange(bytes, 'HTTP/1.1 400').catch(() => '');
    expect(asked).toHaveLength(before);
    expect(await exchange(post('/x', ''), '200')).toContain('200');
  });

  it('takes no request for the unread body of a refused one', async () => {
    const before = asked.length;
    const text = await exchange(post('/x', 'GET /smuggled HTTP/1.1\r\nhost: w\r\n\r\n'), null);
    expect(text).toMatch(/connection: close/i);
    expect(asked.slice(before).map((r) => r.target)).toEqual(['/x']);
  });

  it('says that it speaks no other protocol, and hands nothing of it to the gate', async () => {
    const before = asked.length;
    const handshake =
      'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: a\r\n';
    const get = (extra: string): string => `GET /x HTTP/1.1\r\nhost: w\r\n${extra}\r\n`;
    expect(await exchange(get(handshake), 'hint')).toMatch(/^HTTP\/1\.1 501 [\s\S]*ERR_POLICY_UPGRADE/);
    expect(asked).toHaveLength(before);
    expect(await exchange(get(handshake.replace('upgrade: websocket\r\n', '')), '200')).toMatch(/^HTTP\/1\.1 200 /);
    expect(asked).toHaveLength(before + 1);
  });

  it('reads a body up to the cap that the gate gives', async () => {
    expect(await exchange(post('/read', '0123456789'), '0123456789')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(post('/read', '0123456789a'), 'hint')).toMatch(/^HTTP\/1\.1 400 [\s\S]*ERR_POLICY_REQUEST/);
  });

  it('asks for a body only when the gate reads it', async () => {
    expect(
      await exchange(post('/read', '', 'expect: 100-continue\r\n').replace('length: 0', 'length: 3'), 'Continue'),
    ).toContain('100 Continue');
    const text = await exchange(post('/x', '', 'expect: 100-continue\r\n').replace('length: 0', 'length: 3'), '200');
    expect(text).not.toContain('100 Continue');
  });

  it('keeps hop-by-hop headers of a function to itself', async () => {
    const text = await exchange(post('/x', '', 'connection: close\r\n'), null);
    expect(text).toContain('x-own: 1');
    expect(text).not.toMatch(/transfer-encoding/i);
  });

  it('gives the gate the certificate chain and one channel value per connection', async () => {
    const first = asked.length;
    await exchange(post('/x', '', 'connection: close\r\n'), null);
    await exchange(post('/x', '', 'connection: close\r\n'), null);
    const [a, b] = asked.slice(first);
    expect(a?.peerCertificates).toEqual([]);
    expect(a?.channel).toHaveLength(32);
    expect(a?.channel).not.toEqual(b?.channel);
  });
});
