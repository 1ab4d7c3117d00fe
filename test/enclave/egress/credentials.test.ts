/** Credentials that the gate puts in: they reach the destination, and come back in nothing that the function is given, nor in the log. */
import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { EchoGuard, needlesOf } from '../../../src/enclave/echo-guard.ts';
import { readWhole } from '../../../src/enclave/sandbox/body.ts';
import type { EgressAnswer, EgressRequest } from '../../../src/enclave/sandbox/sandbox.ts';
import type { ByteSource } from '../../../src/enclave/sandbox/wasi/byte-stream.ts';
import {
  openServer,
  openWorld,
  outcomeOf,
  PUBLIC,
  policyOf,
  serverCertificate,
  type TestServer,
  type World,
} from './world.ts';

const SECRET = 'Bearer 0123456789abcdef';
const RULE = `- to: https://api.example.com/v1/**
  methods: [GET, POST]
  credential: { header: authorization, secret: token }`;
const MORE = { more: 'secrets: [token]' };
const certificate = serverCertificate(['api.example.com']);

function worldOf(
  server: TestServer,
  policies = [policyOf(RULE, MORE)],
  secrets: Record<string, string> | null = null,
): World {
  return openWorld({
    policies,
    dns: { 'api.example.com': [PUBLIC] },
    ports: { 443: server.port },
    secrets: secrets ?? { 'hospital-a token': SECRET },
  });
}

/** All that a function is given, as one text. */
async function seenBy(answer: EgressAnswer): Promise<string> {
  if ('error' in answer) return answer.error;
  const body = await readWhole(answer.body, 1 << 22);
  const trailers = answer.body instanceof Uint8Array ? [] : (answer.body.source.trailers ?? []);
  return JSON.stringify([
    answer.headers,
    body === null ? 'broken off' : Buffer.from(body).toString('latin1'),
    trailers,
  ]);
}

/** Asks a server that answers like this, and gives what the function saw, what the server saw, and the log. */
async function ask(
  listener: RequestListener,
  overrides: Partial<EgressRequest> = {},
): Promise<{ outcome: string; seen: string; sent: readonly string[]; log: string; reasons: readonly string[] }> {
  await using server = await openServer(certificate, listener);
  const world = worldOf(server);
  const answer = await world.ask('https://api.example.com/v1/a', overrides);
  const seen = await seenBy(answer);
  const records = world.audit.recent();
  return {
    outcome: outcomeOf(answer),
    seen,
    sent: server.seen[0]?.rawHeaders ?? [],
    log: JSON.stringify(records),
    reasons: records.map(({ reason }) => reason),
  };
}

const ECHO = 'ERR_POLICY_DENIED_EGRESS: the answer shows the credential';

describe('a credential', () => {
  it('is put in by the gate, and seen by nobody else', async () => {
    const { outcome, seen, sent, log } = await ask((_, response) => void response.end('fine'));
    expect(outcome).toBe('200');
    expect(sent).toContain(SECRET);
    expect(sent[sent.indexOf(SECRET) - 1]).toBe('authorization');
    for (const shown of [seen, log]) expect(shown).not.toMatch(/0123456789|Bearer/);
  });

  it.each([
    [
      'in a header',
      (value: string): RequestListener =>
        (_, r) =>
          void r.setHeader('x-you-sent', value).end('fine'),
    ],
    [
      'in a part of a header',
      (value: string): RequestListener =>
        (_, r) =>
          void r.setHeader('link', `<${value}>`).end(),
    ],
    ['as the name of a header', (): RequestListener => (_, r) => void r.setHeader('x-0123456789abcdef', 'fine').end()],
    [
      'in a whole body',
      (value: string): RequestListener =>
        (_, r) =>
          void r.end(`{"authorization":"${value}"}`),
    ],
    [
      'in a body that streams, over two pieces',
      (value: string): RequestListener =>
        (_, r) => {
          r.write(`${'x'.repeat(300_000)}${value.slice(0, 9)}`);
          setImmediate(() => r.end(`${value.slice(9)}${'y'.repeat(100_000)}`));
        },
    ],
    [
      'in trailers',
      (value: string): RequestListener =>
        (_, r) => {
          r.setHeader('trailer', 'x-echo');
          r.write('x'.repeat(300_000));
          r.addTrailers({ 'x-echo': value });
          r.end();
        },
    ],
    [
      'without its scheme',
      (value: string): RequestListener =>
        (_, r) =>
          void r.end(`token=${value.slice(7)};`),
    ],
    [
      'in a body that is compressed',
      (value: string): RequestListener =>
        (_, r) =>
          void r.setHeader('content-encoding', 'gzip').end(gzipSync(value)),
    ],
  ])('does not come back from a destination that shows it %s', async (_, echo) => {
    const { seen, log, reasons, sent } = await ask(echo(SECRET));
    expect(sent).toContain(SECRET);
    for (const shown of [seen, log]) expect(shown).not.toMatch(/123456789|Bearer/);
    expect(reasons.at(-1)).toBe(ECHO);
  });

  it('lets answers through that only look a little like it', async () => {
    const { outcome, seen } = await ask((_, r) => void r.end('Bearer 0123456789abcdeX Bearer 01234 0123456789abcde'));
    expect(outcome).toBe('200');
    expect(seen).toContain('0123456789abcdeX Bearer 01234 0123456789abcde');
  });

  it.each([
    ['sets that header', [['authorization', 'Bearer mine']]],
    ['sets it in other letters', [['Authorization', 'Bearer mine']]],
    ['asks for a range', [['range', 'bytes=0-3']]],
  ] as const)('is not sent when the function %s', async (_, headers) => {
    const { outcome, sent, reasons } = await ask((_request, r) => void r.end(), { headers });
    expect([outcome, sent]).toEqual(['HTTP-request-denied', []]);
    expect(reasons[0]).toMatch(/^ERR_POLICY_REQUEST/);
  });

  it('asks for no encoding in which an echo could hide', async () => {
    const { sent } = await ask((_, r) => void r.end(), { headers: [['accept-encoding', 'gzip']] });
    expect(sent).toContain('identity');
    expect(sent).not.toContain('gzip');
  });

  it('is refused where the worker does not hold the secret, or another owner holds one of that name', async () => {
    await using server = await openServer(certificate);
    for (const secrets of [{}, { 'hospital-b token': SECRET }]) {
      const world = worldOf(server, undefined, secrets);
      expect(outcomeOf(await world.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
      expect(world.audit.recent()[0]?.reason).toMatch(/^ERR_POLICY_DENIED_EGRESS: the secret token/);
    }
    expect(server.seen).toEqual([]);
  });

  it('of two owners for one header is refused; for two headers both are sent', async () => {
    await using server = await openServer(certificate);
    const secrets = { 'hospital-a token': SECRET, 'hospital-b token': 'another secret' };
    const b = (header: string) => policyOf(RULE.replace('authorization', header), { ...MORE, owner: 'hospital-b' });
    const both = worldOf(server, [policyOf(RULE, MORE), b('authorization')], secrets);
    expect(outcomeOf(await both.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
    expect(server.seen).toEqual([]);
    const apart = worldOf(server, [policyOf(RULE, MORE), b('x-api-key')], secrets);
    expect(outcomeOf(await apart.ask('https://api.example.com/v1/a'))).toBe('200');
    expect(server.seen[0]?.rawHeaders).toEqual(expect.arrayContaining([SECRET, 'another secret']));
  });
});

/** A body that comes in pieces of these sizes. */
function sourceOf(bytes: Uint8Array, sizes: readonly number[]): ByteSource {
  let at = 0;
  let turn = 0;
  return {
    get state() {
      return at >= bytes.length ? ('ended' as const) : ('open' as const);
    },
    get available() {
      return Math.min(sizes[turn % sizes.length] ?? 1, bytes.length - at);
    },
    take(maxBytes) {
      const taken = bytes.slice(at, at + Math.min(maxBytes, this.available));
      at += taken.length;
      turn += 1;
      return taken;
    },
    changed: () => Promise.resolve(),
    cancel: () => void (at = bytes.length),
  };
}

describe('the guard against echoes', () => {
  const needles = needlesOf([{ header: 'authorization', value: 'aabaabaac' }]);
  const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }).map((list) => list.join(''));

  it('passes everything on that does not hold the secret, and nothing of it otherwise, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        letters,
        letters,
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (before, after, isThere, sizes) => {
          const text = `${before}${isThere ? 'aabaabaac' : ''}${after}`;
          const guard = new EchoGuard(sourceOf(encodeUtf8(text), sizes), needles);
          let given = '';
          for (let taken = guard.take(5); taken.length > 0; taken = guard.take(5))
            given += Buffer.from(taken).toString();
          if (text.includes('aabaabaac')) {
            expect(guard.isEcho && guard.state === 'failed').toBe(true);
            expect(text.startsWith(given)).toBe(true);
            expect(given.length).toBeLessThanOrEqual(text.indexOf('aabaabaac'));
          } else {
            expect(guard.state).toBe('ended');
            expect(given).toBe(text);
          }
        },
      ),
    );
  });

  it('looks for what Basic hides, too', () => {
    const value = `Basic ${Buffer.from('analyst:correct horse').toString('base64')}`;
    const texts = needlesOf([{ header: 'authorization', value }]).map((needle) => Buffer.from(needle).toString());
    expect(texts).toEqual(expect.arrayContaining([value, 'correct horse']));
    expect(texts).not.toContain('analyst');
  });
});
