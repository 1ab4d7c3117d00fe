/** Bodies between the worker's port and its gate: as fast as both go, whole where they are small, and gone when the client is. */
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import type { GateAnswer, GateRequest } from '../../src/enclave/gate.ts';
import { type Body, isWhole, sourceOf, WholeBytes } from '../../src/enclave/sandbox/body.ts';
import type { ByteSource } from '../../src/enclave/sandbox/wasi/byte-stream.ts';
import { type GenuineListener, openGenuineListener } from '../e2e/genuine-listener.ts';

const MIB = 1024 * 1024;
const CAP = 64 * MIB;

let genuine: GenuineListener;
/** What the gate does with the next request. */
let next: (request: GateRequest) => Promise<GateAnswer>;
beforeAll(async () => {
  genuine = await openGenuineListener((request) => next(request));
});
afterAll(async () => {
  await genuine[Symbol.asyncDispose]();
});

const EMPTY: GateAnswer = { status: 200, headers: [], body: new Uint8Array() };

function open(headers: Readonly<Record<string, string>> = {}, url = genuine.url): ClientRequest {
  const request = httpsRequest(`${url}/x`, { method: 'POST', rejectUnauthorized: false, agent: false, headers });
  request.on('error', () => undefined);
  return request;
}

async function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return response;
}

/** Reads an answer; gives null when it broke off. */
async function readAll(response: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  } catch {
    return null;
  }
  return response.complete ? Buffer.concat(chunks) : null;
}

/** Answers with a body that is streamed. */
async function stream(
  request: GateRequest,
  body: Body,
  length: number | null = null,
  withinMs = 60_000,
): Promise<GateAnswer> {
  const head = { status: 200, headers: [['x-own', '1']] } as const;
  const isSent = await request.stream(head, { source: sourceOf(body), length }, withinMs);
  return { ...EMPTY, streamed: isSent ? 'complete' : 'broken' };
}

describe('the body of a query', () => {
  it.each([
    ['is whole when it says that it fits into a window', LIMITS.windowBytes, false, true],
    ['comes in pieces when it says that it does not', LIMITS.windowBytes + 1, false, false],
    ['comes in pieces when it says nothing', 10, true, false],
  ])('%s', async (_what, size, chunked, whole) => {
    let given: Body | null = null;
    next = async (request) => {
      given = await request.openBody(CAP);
      return await stream(request, given);
    };
    const bytes = Buffer.alloc(size, 'abc');
    const request = open(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(size) });
    request.end(bytes);
    expect((await readAll(await answerTo(request)))?.equals(bytes)).toBe(true);
    expect(given !== null && isWhole(given)).toBe(whole);
  });

  it('brings what follows it, and what follows an answer goes out behind that', async () => {
    let came: ByteSource['trailers'];
    next = async (request) => {
      const source = sourceOf(await request.openBody(CAP));
      const answer = await stream(request, { source, length: null });
      came = source.trailers;
      return answer;
    };
    const request = open({ 'transfer-encoding': 'chunked' });
    request.write('abc');
    request.addTrailers({ 'X-Checksum': '1' });
    request.end();
    const response = await answerTo(request);
    expect((await readAll(response))?.toString()).toBe('abc');
    expect(came).toEqual([['x-checksum', '1']]);
    expect(response.rawTrailers).toEqual(['x-checksum', '1']);
  });

  it.each([
    [LIMITS.windowBytes + 5, 200],
    [LIMITS.windowBytes + 6, 400],
  ])('of %s bytes under a cap is answered with %s before any of it is read', async (size, status) => {
    next = async (request) => {
      await request.openBody(LIMITS.windowBytes + 5);
      return EMPTY;
    };
    const request = open({ 'content-length': String(size) });
    request.flushHeaders();
    expect((await answerTo(request)).statusCode).toBe(status);
    request.destroy();
  });

  it('breaks off when its client goes', async () => {
    const ended = Promise.withResolvers<string>();
    const begun = Promise.withResolvers<void>();
    next = async (request) => {
      const source = sourceOf(await request.openBody(CAP));
      while (source.state === 'open') {
        if (source.take(MIB).length > 0) begun.resolve();
        await source.changed();
      }
      ended.resolve(source.state);
      return EMPTY;
    };
    const request = open();
    request.write('some');
    await begun.promise;
    request.destroy();
    expect(await ended.promise).toBe('failed');
  });

  it('has to be there in time, however steadily it drips', async () => {
    const times = { headersMs: 50, requestMs: 50, lookMs: 10 };
    const ended = Promise.withResolvers<string>();
    await using hurried = await openGenuineListener(
      async (request) => {
        const source = sourceOf(await request.openBody(CAP));
        while (source.state === 'open') {
          source.take(MIB);
          await source.changed();
        }
        ended.resolve(source.state);
        return EMPTY;
      },
      { times },
    );
    const request = open({}, hurried.url);
    const drip = setInterval(() => request.write('a'), 5);
    expect(await ended.promise).toBe('failed');
    clearInterval(drip);
    request.destroy();
  });

  it('is not read from the network faster than somebody takes it', async () => {
    const opened = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    next = async (request) => {
      const body = await request.openBody(CAP);
      opened.resolve();
      await go.promise;
      return await stream(request, body);
    };
    let made = 0;
    const source = Readable.from(
      (async function* make(): AsyncGenerator<Buffer> {
        for (; made < 48; made++) yield Buffer.alloc(MIB);
      })(),
    );
    const request = open();
    source.pipe(request);
    await opened.promise;
    // What two sockets and two streams hold is some megabytes; 48 are not among it.
    while (!request.writableNeedDrain) await new Promise((resolve) => setImmediate(resolve));
    expect(made).toBeLessThan(40);
    go.resolve();
    expect((await readAll(await answerTo(request)))?.length).toBe(48 * MIB);
  });
});

describe('a streamed answer', () => {
  it('has its length where that is known, and chunks where it is not', async () => {
    next = (request) => stream(request, new Uint8Array(5), 5);
    const known = open();
    known.end();
    const first = await answerTo(known);
    expect([first.headers['content-length'], first.headers['transfer-encoding']]).toEqual(['5', undefined]);
    expect(first.headers).toMatchObject({ 'x-own': '1', 'anchorhold-simulated': 'SIMULATED' });
    next = (request) => stream(request, new Uint8Array(5));
    const unknown = open();
    unknown.end();
    const second = await answerTo(unknown);
    expect([second.headers['content-length'], second.headers['transfer-encoding']]).toEqual([undefined, 'chunked']);
    expect([(await readAll(first))?.length, (await readAll(second))?.length]).toEqual([5, 5]);
  });

  it.each([null, 5])('that the gate did not let end does not look complete (length %s)', async (length) => {
    next = async (request) => ({ ...(await stream(request, new Uint8Array(4), length)), streamed: 'broken' });
    const request = open();
    request.end();
    expect(await readAll(await answerTo(request))).toBe(null);
  });

  it('ends when its time is up, however steadily its client takes a little', async () => {
    const ended = Promise.withResolvers<string | undefined>();
    next = async (request) => {
      const answer = await stream(request, new Uint8Array(256 * MIB), null, 50);
      ended.resolve(answer.streamed);
      return answer;
    };
    const request = open();
    request.end();
    const response = await answerTo(request);
    const drip = setInterval(() => response.read(1), 5);
    expect(await ended.promise).toBe('broken');
    clearInterval(drip);
    expect(await readAll(response)).toBe(null);
  });

  it('ends with its client: what it is read from is told', async () => {
    const ended = Promise.withResolvers<boolean>();
    let isCancelled = false;
    next = async (request) => {
      const inner = new WholeBytes({ rest: new Uint8Array(256 * MIB) });
      const endless = Object.assign(inner, { cancel: () => void (isCancelled = true) });
      const answer = await stream(request, { source: endless, length: null });
      ended.resolve(answer.streamed === 'complete');
      return answer;
    };
    const request = open();
    request.end();
    const response = await answerTo(request);
    await once(response, 'readable');
    request.destroy();
    expect(await ended.promise).toBe(false);
    expect(isCancelled).toBe(true);
  });

  it('tells the gate of a client that is gone before it begins', async () => {
    const gone = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    next = async (request) => {
      request.whenGone(() => gone.resolve());
      asked.resolve();
      await gone.promise;
      return EMPTY;
    };
    const request = open();
    request.end();
    await asked.promise;
    request.destroy();
    await expect(gone.promise).resolves.toBe(undefined);
  });
});
