/** Bodies of outgoing requests that nobody holds whole: metered as they go by, cut where an owner's limit ends, and written down twice. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { type Body, isWhole, readWhole, sourceOf, WholeBytes } from '../../../src/enclave/sandbox/body.ts';
import { BodyReader } from '../../../src/enclave/sandbox/body-reader.ts';
import type { EgressAnswer, FunctionResponse, HeaderField } from '../../../src/enclave/sandbox/sandbox.ts';
import type { Trailers } from '../../../src/enclave/sandbox/trailers.ts';
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

const KIB = 1024;
const LARGE = LIMITS.windowBytes * 4;
const RULE = '- to: https://api.example.com/v1/**\n  methods: [GET, POST]';

let server: TestServer;
beforeAll(async () => {
  server = await openServer(serverCertificate(['api.example.com']), (request, response) => {
    if (request.url === '/v1/large') response.end(Buffer.alloc(LARGE, 'x'));
    else if (request.url === '/v1/unknown') {
      response.write('a');
      response.end(Buffer.alloc(LARGE - 1, 'x'));
    } else if (request.url === '/v1/cut') {
      response.write(Buffer.alloc(LARGE, 'x'), () => response.destroy());
    } else if (request.url === '/v1/trailers') {
      response.write('a');
      response.addTrailers({ 'X-Sum': '1', 'Set-Cookie': 'a=b' });
      response.end();
    } else if (request.url === '/v1/many') {
      response.write('a');
      response.addTrailers(
        Array.from({ length: LIMITS.trailerFields + 1 }, (_, i): [string, string] => [`x-${i}`, '1']),
      );
      response.end();
    } else response.end('hello');
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const world = (rule = RULE, limits: Parameters<typeof openWorld>[0]['limits'] = {}): World =>
  openWorld({
    policies: [policyOf(rule)],
    dns: { 'api.example.com': [PUBLIC] },
    ports: { 443: server.port },
    limits,
  });

function answered(answer: EgressAnswer): FunctionResponse {
  if ('error' in answer) throw new Error(answer.error);
  return answer;
}

const reasons = ({ audit }: World): readonly string[] => audit.recent().map(({ reason }) => reason);
const streamed = (size: number, length: number | null = null, trailers: Trailers = []): Body => ({
  source: Object.assign(new WholeBytes({ rest: new Uint8Array(size) }), { trailers }),
  length,
});

/** Reads what there is, and says how much it was and how it ended. */
async function readOut(body: Body): Promise<{ readonly size: number; readonly state: ByteSource['state'] }> {
  const source = sourceOf(body);
  for (let size = 0; ; ) {
    const bytes = source.take(64 * KIB);
    size += bytes.length;
    if (bytes.length === 0 && source.state !== 'open') return { size, state: source.state };
    if (bytes.length === 0) await source.changed();
  }
}

describe('an answer of a server', () => {
  it.each([
    ['/v1/large', LARGE],
    ['/v1/unknown', null],
  ])('%s is passed on as it comes, and is two records', async (path, length) => {
    const w = world();
    const { body } = answered(await w.ask(`https://api.example.com${path}`));
    expect(isWhole(body)).toBe(false);
    expect(body.length).toBe(length);
    expect(reasons(w)).toEqual(['begun']);
    expect(await readOut(body)).toEqual({ size: LARGE, state: 'ended' });
    expect(reasons(w)).toEqual(['begun', 'ok']);
    expect(w.audit.recent()[1]?.bytesIn).toBeGreaterThan(LARGE);
  });

  it('that is small and says so is whole, and one record', async () => {
    const w = world();
    expect(isWhole(answered(await w.ask('https://api.example.com/v1/a')).body)).toBe(true);
    expect(reasons(w)).toEqual(['ok']);
  });

  it('is cut at the cap, and where the owner’s bytes end', async () => {
    const capped = world(RULE, { maxAnswerBytes: LARGE - 1 });
    const first = answered(await capped.ask('https://api.example.com/v1/unknown'));
    expect(await readOut(first.body)).toEqual({ size: LARGE - 1, state: 'failed' });
    expect(reasons(capped)).toEqual(['begun', 'HTTP-response-body-size']);
    const limited = world(`${RULE}\n  limit: 300 KiB/day`);
    const second = answered(await limited.ask('https://api.example.com/v1/unknown'));
    const { size, state } = await readOut(second.body);
    expect(state).toBe('failed');
    expect(size).toBeLessThanOrEqual(300 * KIB);
    // A piece that does not fit is not passed on at all.
    expect(size).toBeGreaterThan((300 - 64 - 1) * KIB);
    expect(outcomeOf(await limited.ask('https://api.example.com/v1/a'))).toBe('HTTP-request-denied');
  });

  it('takes what it brings in from the owner’s bytes, however many answers come in together', async () => {
    const limited = world(`${RULE}\n  limit: 300 KiB/day`);
    const ask = async () => answered(await limited.ask('https://api.example.com/v1/unknown')).body;
    const ends = await Promise.all((await Promise.all([ask(), ask(), ask()])).map(readOut));
    expect(ends.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
    expect(ends.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(300 * KIB);
  });

  it('that breaks off is not complete; one that nobody wants ends its connection', async () => {
    const w = world();
    const cut = answered(await w.ask('https://api.example.com/v1/cut'));
    expect((await readOut(cut.body)).state).toBe('failed');
    sourceOf(answered(await w.ask('https://api.example.com/v1/unknown')).body).cancel();
    expect(reasons(w)).toEqual(['begun', 'HTTP-response-incomplete', 'begun', 'connection-terminated']);
  });

  it('counts as under way until it is read', async () => {
    const w = world(RULE, { maxConcurrent: 1 });
    const { body } = answered(await w.ask('https://api.example.com/v1/unknown'));
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('connection-limit-reached');
    await readOut(body);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a'))).toBe('200');
  });

  it('ends with the call that it is for', async () => {
    const call = new AbortController();
    const { body } = answered(await world().ask('https://api.example.com/v1/unknown', {}, call.signal));
    call.abort();
    expect((await readOut(body)).state).toBe('failed');
  });
});

describe('fields that follow a body', () => {
  it('come in with an answer as far as they may, and are counted', async () => {
    const w = world();
    const { body } = answered(await w.ask('https://api.example.com/v1/trailers'));
    expect(await readOut(body)).toEqual({ size: 1, state: 'ended' });
    expect(sourceOf(body).trailers).toEqual([['x-sum', '1']]);
    const [begun, ended] = w.audit.recent();
    expect((ended?.bytesIn ?? 0) - (begun?.bytesIn ?? 0)).toBeGreaterThan('ax-sum1'.length);
  });

  it('are an answer that is over its cap when they are too many', async () => {
    const w = world();
    const { body } = answered(await w.ask('https://api.example.com/v1/many'));
    expect((await readOut(body)).state).toBe('failed');
    expect(reasons(w)).toEqual(['begun', 'HTTP-response-body-size']);
  });

  it('go out behind a request, announced where it announces them', async () => {
    const w = world();
    const seen = server.seen.length;
    const body = streamed(3, null, [['x-sum', '1']]);
    const headers = [['trailer', 'X-Sum']] as const;
    const ask = w.ask('https://api.example.com/v1/d', { method: 'POST', body, headers });
    expect(outcomeOf(await ask)).toBe('200');
    expect(server.seen[seen]).toMatchObject({ rawTrailers: ['x-sum', '1'] });
    expect(server.seen[seen]?.rawHeaders).toContain('X-Sum');
  });

  it.each<[string, Body, readonly HeaderField[]]>([
    ['one that may not be a header', streamed(3, null, [['connection', 'x']]), []],
    ['one that says how to read the message', streamed(3, null, [['content-type', 'x']]), []],
    ['one after a body of a declared length', streamed(3, 3, [['x-sum', '1']]), []],
    ['one that may not be announced', streamed(3, null, []), [['trailer', 'x-sum, host']]],
  ])('%s does not go out, and its request is none', async (_what, body, headers) => {
    const seen = server.seen.length;
    const ask = world().ask('https://api.example.com/v1/d', { method: 'POST', body, headers });
    expect(['HTTP-request-body-size', 'HTTP-request-denied']).toContain(outcomeOf(await ask));
    expect(server.seen.length).toBe(seen);
  });

  it('are taken from the owner’s bytes as the body is', async () => {
    const large: Trailers = [['x-sum', '1'.repeat(2 * KIB)]];
    const send = async (limit: number): Promise<string> => {
      const w = world(`${RULE}\n  limit: ${limit} KiB/day`);
      return outcomeOf(
        await w.ask('https://api.example.com/v1/d', { method: 'POST', body: streamed(KIB, null, large) }),
      );
    };
    expect(await send(4)).toBe('200');
    expect(await send(3)).toBe('HTTP-request-body-size');
  });
});

describe('a request', () => {
  it.each([null, LARGE])('is sent as it comes, with its length where that is known (%s)', async (length) => {
    const w = world();
    const seen = server.seen.length;
    const body = streamed(LARGE, length);
    expect(outcomeOf(await w.ask('https://api.example.com/v1/a', { method: 'POST', body }))).toBe('200');
    expect(server.seen[seen]?.body.length).toBe(LARGE);
    const headers = server.seen[seen]?.rawHeaders.map((text) => text.toLowerCase()) ?? [];
    expect(headers.includes('content-length')).toBe(length !== null);
    expect(w.audit.recent().at(-1)?.bytesOut).toBeGreaterThan(LARGE);
  });

  it('does not leave further than the owner’s bytes reach', async () => {
    const fits = world(`${RULE}\n  limit: 2 MiB/day`);
    const body = streamed(LARGE);
    expect(outcomeOf(await fits.ask('https://api.example.com/v1/a', { method: 'POST', body }))).toBe('200');
    const tight = world(`${RULE}\n  limit: 300 KiB/day`);
    const outcome = outcomeOf(
      await tight.ask('https://api.example.com/v1/a', { method: 'POST', body: streamed(LARGE) }),
    );
    expect(outcome).toBe('HTTP-request-body-size');
    expect(tight.audit.recent()).toMatchObject([{ reason: 'HTTP-request-body-size' }]);
    expect(tight.audit.recent()[0]?.bytesOut).toBeLessThanOrEqual(300 * KIB);
  });

  it('that is shorter than it declares is none, and one that is longer is nothing more than it declares', async () => {
    const post = async (size: number): Promise<string> =>
      outcomeOf(await world().ask('https://api.example.com/v1/b', { method: 'POST', body: streamed(size, LARGE) }));
    expect(await post(LARGE - 1)).not.toBe('200');
    expect(await post(LARGE + 1)).not.toBe('200');
    expect(await post(LARGE)).toBe('200');
    const sizes = server.seen.filter(({ url }) => url === '/v1/b').map(({ body }) => body.length);
    expect(new Set(sizes)).toEqual(new Set([LARGE]));
  });

  it('may have its answer before its end, with a length or without', async () => {
    const early = createServer((asked, response) => {
      response.writeHead(200, asked.url === '/v1/known' ? { 'content-length': '2' } : {}).flushHeaders();
      asked.pipe(response);
    });
    await new Promise<void>((resolve) => early.listen(0, '127.0.0.1', resolve));
    const w = openWorld({
      policies: [policyOf(RULE.replace('https', 'http'))],
      dns: { 'api.example.com': [PUBLIC] },
      ports: { 80: (early.address() as AddressInfo).port },
    });
    for (const path of ['known', 'unknown']) {
      // Its writer goes on only when it has the answer.
      const sent = new BodyReader({ credit: () => undefined, cancel: () => undefined });
      const ask = w.ask(`http://api.example.com/v1/${path}`, { method: 'POST', body: { source: sent, length: 2 } });
      const { body } = answered(await ask);
      sent.receive(encodeUtf8('ok'));
      sent.finish('ended');
      expect(await readOut(body)).toEqual({ size: 2, state: 'ended' });
    }
    await new Promise((resolve) => early.close(resolve));
  });

  it('that breaks off is none', async () => {
    const inner = new WholeBytes({ rest: new Uint8Array(LARGE) });
    const broken: ByteSource = {
      state: 'failed',
      get available() {
        return inner.available;
      },
      take: (most) => inner.take(most),
      changed: () => Promise.resolve(),
      cancel: () => undefined,
    };
    const body = { source: broken, length: null };
    expect(outcomeOf(await world().ask('https://api.example.com/v1/c', { method: 'POST', body }))).not.toBe('200');
    expect(server.seen.filter(({ url }) => url === '/v1/c')).toEqual([]);
    expect(await readWhole(body, 1)).toBe(null);
  });
});
