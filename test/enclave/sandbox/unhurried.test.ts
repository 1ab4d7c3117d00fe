/** That a deterministic guest notices nothing of how fast others read and write: bodies are whole, and there is always room. */
import { describe, expect, it } from 'vitest';
import { ChangeSignal } from '../../../src/base/change-signal.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { NO_OUTSIDE } from '../../../src/enclave/sandbox/net/outside.ts';
import type { EgressAnswer } from '../../../src/enclave/sandbox/sandbox.ts';
import { hurry, wholeOutside } from '../../../src/enclave/sandbox/unhurried.ts';
import type { ByteSource } from '../../../src/enclave/sandbox/wasi/byte-stream.ts';
import type { Outside } from '../../../src/enclave/sandbox/wasi/call.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const HEAD = { method: 'POST', scheme: 'https', authority: 'a.test', path: '/', headers: [] };

/** A body that comes in pieces, one for each turn, and then ends so. */
function pieces(end: 'ended' | 'failed', ...texts: readonly string[]): ByteSource {
  const left = texts.map(bytes);
  let here: Uint8Array = new Uint8Array(0);
  let state: ByteSource['state'] = 'open';
  const signal = new ChangeSignal();
  return {
    get state() {
      return state;
    },
    get available() {
      return here.length;
    },
    take(maxBytes) {
      const taken = here.subarray(0, maxBytes);
      here = here.subarray(taken.length);
      return taken;
    },
    changed() {
      setImmediate(() => {
        const next = left.shift();
        if (next === undefined) state = end;
        else here = next;
        signal.notify();
      });
      return signal.changed();
    },
    cancel: () => undefined,
  };
}

interface Sent {
  readonly outside: Outside;
  readonly bodies: string[];
}

/** A way out that answers with this, and keeps what was sent. */
function wayOut(answer: EgressAnswer): Sent {
  const bodies: string[] = [];
  const outside: Outside = {
    egress: async (request) => {
      bodies.push(Buffer.from(request.body).toString());
      return answer;
    },
    beginEgress: (_, held) => {
      bodies.push(Buffer.from(held).toString());
      const body = hurry({
        state: 'open',
        room: 0,
        over: Promise.resolve(),
        begin: (more) => void bodies.push(Buffer.from(more).toString()),
        write: () => false,
        end: () => void bodies.push('end'),
        abort: () => void bodies.push('abort'),
        changed: () => Promise.resolve(),
      });
      return { answer: Promise.resolve(answer), body };
    },
    sockets: NO_OUTSIDE,
  };
  return { outside, bodies };
}

const direct = <T>(during: Promise<T>): Promise<T> => during;

describe('the way out of a deterministic guest', () => {
  it('gives an answer when all of it is here', async () => {
    const answer = { status: 200, headers: [], body: { source: pieces('ended', 'one ', 'two'), length: null } };
    const { outside, bodies } = wayOut(answer);
    const given = await wholeOutside(outside, direct).egress({ ...HEAD, body: bytes('asked') });
    expect(given).toEqual({ status: 200, headers: [], body: bytes('one two') });
    expect(bodies).toEqual(['asked']);
  });

  it('gives an error for an answer that breaks off, and passes on a refusal', async () => {
    const broken = { status: 200, headers: [], body: { source: pieces('failed', 'one '), length: null } };
    const request = { ...HEAD, body: bytes('') };
    expect(await wholeOutside(wayOut(broken).outside, direct).egress(request)).toEqual({
      error: 'HTTP-response-incomplete',
    });
    const denied = { error: 'HTTP-request-denied' };
    expect(await wholeOutside(wayOut(denied).outside, direct).egress(request)).toEqual(denied);
  });

  it('takes a body as it is written, and asks when it ends', async () => {
    const { outside, bodies } = wayOut({ status: 204, headers: [], body: bytes('') });
    const asked = wholeOutside(outside, direct).beginEgress({ ...HEAD, body: { length: null } }, bytes('be'));
    for (let i = 0; i < 3; i += 1) {
      const { room } = asked.body;
      expect(asked.body.write(bytes('-more'))).toBe(true);
      expect(asked.body.room).toBe(room);
    }
    expect(bodies).toEqual([]);
    asked.body.end();
    expect(await asked.answer).toMatchObject({ status: 204 });
    expect(bodies).toEqual(['be-more-more-more', 'end']);
  });

  it('asks nothing when the body breaks off', async () => {
    const { outside, bodies } = wayOut({ status: 204, headers: [], body: bytes('') });
    const asked = wholeOutside(outside, direct).beginEgress({ ...HEAD, body: { length: null } }, bytes('be'));
    asked.body.abort();
    expect([await asked.answer, bodies]).toEqual([{ error: 'internal-error' }, []]);
  });

  it('leads to no sockets outside', async () => {
    const { sockets } = wholeOutside({ ...wayOut({ error: 'x' }).outside }, direct);
    expect(sockets).toBe(NO_OUTSIDE);
  });
});

describe('what waits for a slow side', () => {
  it('is no more than a whole body may have', () => {
    const kept: number[] = [];
    const to = hurry({
      state: 'open',
      room: 0,
      over: Promise.resolve(),
      begin: (piece) => void kept.push(piece.length),
      write: () => false,
      end: () => undefined,
      abort: () => undefined,
      changed: () => Promise.resolve(),
    });
    const half = new Uint8Array(LIMITS.bodyBytes / 2);
    expect([to.write(half), to.write(half), to.write(new Uint8Array(1))]).toEqual([true, true, false]);
    expect(kept).toEqual([half.length, half.length]);
  });

  it('goes out whole however many writes it took, and not at all when it is too large', async () => {
    const { outside, bodies } = wayOut({ status: 200, headers: [], body: new Uint8Array(0) });
    const whole = wholeOutside(outside, (answer) => answer);
    const many = whole.beginEgress({ ...HEAD, body: { length: null } }, new Uint8Array(0));
    for (let i = 0; i < 300_000; i += 1) many.body.write(Uint8Array.of(0x61));
    many.body.end();
    expect(await many.answer).toMatchObject({ status: 200 });
    const before = bodies.length;
    expect(bodies[0]).toHaveLength(300_000);
    const large = whole.beginEgress({ ...HEAD, body: { length: null } }, new Uint8Array(LIMITS.bodyBytes));
    expect(large.body.write(Uint8Array.of(0x61))).toBe(false);
    large.body.end();
    expect(await large.answer).toEqual({ error: 'HTTP-request-body-size' });
    expect(bodies).toHaveLength(before);
  });
});
