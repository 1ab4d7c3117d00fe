/** Bodies that nobody holds whole, through a real function process: as fast as both ends go, counted at every moment, and ended from every side. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChangeSignal } from '../../../src/base/change-signal.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { type Body, readWhole, sourceOf } from '../../../src/enclave/sandbox/body.ts';
import type { SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import type { CallTerms, Egress, FunctionResponse } from '../../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import type { ByteSource } from '../../../src/enclave/sandbox/wasi/byte-stream.ts';
import { drain, NEVER_GONE, wholeOf } from '../bodies.ts';
import { buildStreamer, loadGuest, NO_EGRESS } from './guests.ts';

const MIB = 1024 * 1024;

const BLOCK = 4096;
/** What is at a place of a body that a `Maker` makes. */
const byteAt = (place: number): number => Math.floor(place / BLOCK) % 251;

/** Makes so many bytes when they are asked for, and counts what was taken. */
class Maker implements ByteSource {
  taken = 0;
  isCancelled = false;
  readonly #size: number;
  readonly #signal = new ChangeSignal();
  /** What it ends as; `open` never ends. */
  end: ByteSource['state'] = 'ended';
  constructor(size: number) {
    this.#size = size;
  }
  get available(): number {
    return this.isCancelled ? 0 : this.#size - this.taken;
  }
  get state(): ByteSource['state'] {
    if (this.isCancelled) return 'failed';
    return this.available > 0 ? 'open' : this.end;
  }
  take(maxBytes: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(maxBytes, this.available));
    for (let at = 0; at < bytes.length; ) {
      const next = Math.min(bytes.length, at + BLOCK - ((this.taken + at) % BLOCK));
      bytes.fill(byteAt(this.taken + at), at, next);
      at = next;
    }
    this.taken += bytes.length;
    return bytes;
  }
  changed(): Promise<void> {
    return this.#signal.changed();
  }
  cancel(): void {
    this.isCancelled = true;
    this.#signal.notify();
  }
  finish(end: ByteSource['state']): void {
    this.end = end;
    this.#signal.notify();
  }
}

let f: SandboxedFunction;
beforeAll(async () => {
  f = await loadGuest(await buildStreamer());
});
afterAll(async () => {
  await f.close();
});

function call(path: string, body: Body, terms: Partial<CallTerms> = {}): Promise<FunctionResponse> {
  const request = { method: 'POST', path, authority: 'worker.test', headers: [], body };
  return f.call(request, {
    deadlineMs: 60_000,
    egress: NO_EGRESS,
    sockets: NO_SOCKET_EGRESS,
    caller: '',
    whenGone: NEVER_GONE,
    ...terms,
  });
}

const streamed = (source: ByteSource): Body => ({ source, length: null });

/** Takes what a source gives, as it comes; gives false when it broke off. */
async function takeAll(source: ByteSource, onBytes: (bytes: Uint8Array) => void): Promise<boolean> {
  for (;;) {
    const bytes = source.take(MIB);
    if (bytes.length > 0) onBytes(bytes);
    else if (source.state !== 'open') return source.state === 'ended';
    else await source.changed();
  }
}

/** What may be between a maker and a taker: a window on each way, and what one turn of the guest holds. */
const BETWEEN = 2 * LIMITS.windowBytes + 3 * LIMITS.pieceBytes;

describe('a body on its way', () => {
  it('of 200 MiB is never held: what is under way is bounded at each moment', async () => {
    const maker = new Maker(200 * MIB);
    const { body } = await call('/e', streamed(maker));
    let seen = 0;
    let most = 0;
    let isRight = true;
    const isWhole = await takeAll(sourceOf(body), (bytes) => {
      isRight &&= bytes[0] === byteAt(seen) && bytes.at(-1) === byteAt(seen + bytes.length - 1);
      seen += bytes.length;
      most = Math.max(most, maker.taken - seen);
    });
    expect({ isWhole, seen, isRight }).toEqual({ isWhole: true, seen: 200 * MIB, isRight: true });
    expect(most).toBeLessThanOrEqual(BETWEEN);
  });

  it('waits for a slow reader', async () => {
    const maker = new Maker(8 * MIB);
    const { body } = await call('/e', streamed(maker));
    const source = sourceOf(body);
    // Another call goes all the way round meanwhile.
    expect((await drain((await call('/e', new Uint8Array(100))).body)).length).toBe(100);
    expect(maker.taken).toBeLessThanOrEqual(BETWEEN);
    let seen = 0;
    expect(await takeAll(source, (bytes) => (seen += bytes.length))).toBe(true);
    expect(seen).toBe(8 * MIB);
  });

  it('waits for a slow writer, and passes on what is there', async () => {
    const maker = new Maker(LIMITS.windowBytes);
    maker.end = 'open';
    const { body } = await call('/e', streamed(maker));
    const source = sourceOf(body);
    let seen = 0;
    while (seen < LIMITS.windowBytes) {
      seen += source.take(MIB).length;
      if (seen < LIMITS.windowBytes) await source.changed();
    }
    expect(source.state).toBe('open');
    maker.finish('ended');
    expect(await takeAll(source, () => undefined)).toBe(true);
  });

  it('is sixteen at once, each with its own bytes', async () => {
    const all = Array.from({ length: 16 }, async (_, i) => {
      const bytes = new Uint8Array(MIB + i).fill(i);
      const { body } = await call('/e', { source: sourceOf(bytes), length: bytes.length });
      return Buffer.compare(await drain(body), bytes);
    });
    expect(await Promise.all(all)).toEqual(all.map(() => 0));
  });

  it('goes in one frame when it fits into a window', async () => {
    const { body } = await call('/e', new Uint8Array(LIMITS.windowBytes).fill(7));
    expect(wholeOf(body)).toEqual(new Uint8Array(LIMITS.windowBytes).fill(7));
  });

  it('goes in pieces when it has one byte more', async () => {
    const { body } = await call('/e', new Uint8Array(LIMITS.windowBytes + 1));
    expect(body).toMatchObject({ length: null });
    expect((await drain(body)).length).toBe(LIMITS.windowBytes + 1);
  });
});

describe('a body that ends early', () => {
  it('because its writer broke off: the call fails, whatever the guest makes of it', async () => {
    const maker = new Maker(LIMITS.windowBytes * 4);
    maker.end = 'failed';
    const asked = call('/d2', streamed(maker)).then(({ body }) => readWhole(body, MIB));
    // The guest does not read, so it may have answered before.
    await asked.catch((e: unknown) => expect(e).toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' }));
    const cut = new Maker(100);
    cut.end = 'failed';
    await expect(call('/r', streamed(cut))).rejects.toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
  });

  it('because its reader wants no more: the guest is dropped, and the maker is told', async () => {
    const maker = new Maker(64 * MIB);
    const { body } = await call('/e', streamed(maker));
    sourceOf(body).cancel();
    await maker.changed();
    expect(maker.isCancelled).toBe(true);
    expect((await drain((await call('/e', new Uint8Array(9))).body)).length).toBe(9);
  });

  it('because the client is gone: nothing is left of the call', async () => {
    const given = Promise.withResolvers<() => void>();
    const maker = new Maker(10);
    maker.end = 'open';
    const asked = call('/r', streamed(maker), { whenGone: given.resolve });
    (await given.promise)();
    await expect(asked).rejects.toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    if (!maker.isCancelled) await maker.changed();
    expect(maker.isCancelled).toBe(true);
  });

  it('because the guest answers without reading it', async () => {
    const maker = new Maker(64 * MIB);
    const { body } = await call('/d', streamed(maker));
    expect(new TextDecoder().decode(wholeOf(body))).toBe('text');
    await maker.changed();
    expect(maker.isCancelled).toBe(true);
    expect(maker.taken).toBeLessThanOrEqual(LIMITS.windowBytes);
  });

  it.each([
    ['traps', '/t'],
    ['lets go of it', '/o'],
  ])('because the guest %s in the middle: the answer breaks off', async (_how, path) => {
    const { body } = await call(path, new Uint8Array(0));
    let seen = 0;
    expect(await takeAll(sourceOf(body), (bytes) => (seen += bytes.length))).toBe(false);
    expect(seen).toBeLessThanOrEqual(MIB);
    expect((await drain((await call('/e', new Uint8Array(9))).body)).length).toBe(9);
  });

  it('because it is shorter than its head says', async () => {
    await expect(call('/l', new Uint8Array(0))).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
  });

  it('because nobody reads it until the deadline: the process lives, for it is not the guest that is slow', async () => {
    const { body } = await call('/g', new Uint8Array(0), { deadlineMs: 300 });
    const source = sourceOf(body);
    while (source.state === 'open') await source.changed();
    expect(source.state).toBe('failed');
    expect((await drain((await call('/e', new Uint8Array(9))).body)).length).toBe(9);
  });

  it('because it is more than a call may write', async () => {
    const small = await loadGuest(await buildStreamer(), { outputBytes: MIB });
    const request = { method: 'POST', path: '/g', authority: 'worker.test', headers: [], body: new Uint8Array(0) };
    const terms = {
      deadlineMs: 20_000,
      egress: NO_EGRESS,
      sockets: NO_SOCKET_EGRESS,
      caller: '',
      whenGone: NEVER_GONE,
    };
    const { body } = await small.call(request, terms);
    let seen = 0;
    expect(await takeAll(sourceOf(body), (bytes) => (seen += bytes.length))).toBe(false);
    expect(seen).toBeLessThanOrEqual(MIB);
    await small.close();
  });
});

describe('an outgoing request', () => {
  it('streams both ways', async () => {
    const maker = new Maker(20 * MIB);
    let most = 0;
    let received = 0;
    const egress: Egress = async ({ body }) => {
      await takeAll(sourceOf(body), (bytes) => {
        received += bytes.length;
        most = Math.max(most, maker.taken - received);
      });
      return { status: 200, headers: [], body: { source: new Maker(30 * MIB), length: null } };
    };
    const { body } = await call('/r', streamed(maker), { egress });
    expect(received).toBe(20 * MIB);
    expect(most).toBeLessThanOrEqual(BETWEEN);
    expect((await drain(body)).length).toBe(30 * MIB);
  });

  it('whose answer comes before its body was read: the guest is told, and goes on', async () => {
    const egress: Egress = () => Promise.resolve({ status: 200, headers: [], body: new TextEncoder().encode('early') });
    const { body } = await call('/r', streamed(new Maker(20 * MIB)), { egress });
    expect(new TextDecoder().decode(await drain(body))).toBe('early');
  });

  it('whose answer breaks off is not complete', async () => {
    const cut = new Maker(2 * MIB);
    cut.end = 'failed';
    const egress: Egress = () => Promise.resolve({ status: 200, headers: [], body: { source: cut, length: null } });
    const { body } = await call('/r', new Uint8Array(0), { egress });
    expect(await readWhole(body, 4 * MIB)).toBe(null);
  });

  it('is given up with its call', async () => {
    let ended: AbortSignal | null = null;
    let leave = (): void => undefined;
    const begun = Promise.withResolvers<void>();
    const egress: Egress = (_request, signal) => {
      ended = signal;
      begun.resolve();
      return new Promise(() => undefined);
    };
    const asked = call('/r', new Uint8Array(0), { egress, whenGone: (end) => void (leave = end) });
    await begun.promise;
    leave();
    await expect(asked).rejects.toMatchObject({ code: 'ERR_TRANSPORT_CLOSED' });
    expect((ended as AbortSignal | null)?.aborted).toBe(true);
  });
});
