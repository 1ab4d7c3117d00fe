/** The randomness and the time of a deterministic call, on their own. */
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../../src/base/bytes.ts';
import { SeededSurroundings } from '../../../src/enclave/sandbox/wasi/seeded-surroundings.ts';

const open = (key = 0, wallNanos = 0n): SeededSurroundings =>
  new SeededSurroundings(new Uint8Array(32).fill(0).with(31, key), wallNanos);
const take = (s: SeededSurroundings, size: number): string => {
  const bytes = new Uint8Array(size).fill(7);
  s.fillRandom(bytes);
  return encodeHex(bytes);
};

describe('seeded randomness', () => {
  it.each([
    [
      'RFC 8439 A.1, test vectors 1 and 2',
      0,
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586' +
        '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    ],
  ])('is the key stream of ChaCha20: %s', (_, key, hex) => {
    expect(take(open(key), hex.length / 2)).toBe(hex);
  });

  it('goes on where it was, in pieces of any size', () => {
    const [whole, parts] = [open(1), open(1)];
    const sizes = [1, 64, 100, 70_000, 3];
    expect(sizes.map((size) => take(parts, size)).join('')).toBe(
      take(
        whole,
        sizes.reduce((a, b) => a + b, 0),
      ),
    );
    expect(take(open(1), 16)).not.toBe(take(open(2), 16));
  });
});

describe('seeded time', () => {
  it('stands still, but for what is waited for', async () => {
    const s = open(0, 5n);
    expect([s.wallNanos(), s.monotonicNanos()]).toEqual([5n, 0n]);
    s.sleepUntil(100n);
    s.sleepUntil(50n);
    expect([s.wallNanos(), s.monotonicNanos()]).toEqual([5n, 100n]);
    await s.reach(200n).over;
    expect(s.monotonicNanos()).toBe(200n);
    await s.reach(1n).over;
    expect(s.monotonicNanos()).toBe(200n);
  });

  it('goes to the first of several instants', async () => {
    const s = open();
    await Promise.all([s.reach(300n).over, s.reach(100n).over, s.reach(200n).over]);
    expect(s.monotonicNanos()).toBe(100n);
  });

  it('stands still while something is asked outside', async () => {
    const s = open();
    const { promise, resolve } = Promise.withResolvers<{ error: string }>();
    const answer = s.standStill(promise);
    let reached = false;
    const reach = async (): Promise<void> => {
      await s.reach(100n).over;
      reached = true;
    };
    const waiting = reach();
    for (let i = 0; i < 5; i += 1) await new Promise((turn) => void setImmediate(turn));
    expect([reached, s.monotonicNanos()]).toEqual([false, 0n]);
    resolve({ error: 'DNS-error' });
    expect(await answer).toEqual({ error: 'DNS-error' });
    await waiting;
    expect(s.monotonicNanos()).toBe(100n);
  });
});
