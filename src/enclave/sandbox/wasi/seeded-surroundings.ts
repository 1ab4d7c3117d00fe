/**
 * Time and randomness that are the same wherever a call is made: randomness is the key stream of a seed, the wall clock stands still, and the
 * monotonic clock goes on only when the guest waits for it, and then at once. It is not secret: who knows the seed knows every byte.
 * [RFC 8439 2.4]
 */
import { type Cipheriv, createCipheriv } from 'node:crypto';
import type { Surroundings, Wait } from './surroundings.ts';

/** Counter and nonce of the key stream: each seed is used for one stream. */
const START = new Uint8Array(16);
const PIECE = new Uint8Array(64 * 1024);

export class SeededSurroundings implements Surroundings {
  readonly #stream: Cipheriv;
  readonly #wallNanos: bigint;
  #now = 0n;
  #asked = 0;
  /** Who waits for the clock, and for which instant. */
  #waiting: { readonly instant: bigint; readonly wake: () => void }[] = [];

  /** Begins a stream of randomness by a seed of 32 bytes, at a time in nanoseconds since 1970. */
  constructor(seed: Uint8Array, wallNanos: bigint) {
    this.#stream = createCipheriv('chacha20', seed, START);
    this.#wallNanos = wallNanos;
  }

  wallNanos(): bigint {
    return this.#wallNanos;
  }

  monotonicNanos(): bigint {
    return this.#now;
  }

  /** The clock goes to the first instant that anybody waits for; who waits for a later one looks, and waits again. */
  reach(instant: bigint): Wait {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const waiting = { instant, wake: resolve };
    this.#waiting.push(waiting);
    this.#advanceLater();
    return {
      over,
      callOff: () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
      },
    };
  }

  sleepUntil(instant: bigint): void {
    if (instant > this.#now) this.#now = instant;
  }

  fillRandom(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE.length) {
      const part = bytes.subarray(at, at + PIECE.length);
      part.set(this.#stream.update(PIECE.subarray(0, part.length)));
    }
  }

  /** Lets the clock stand still while something is asked outside: how long that takes is nothing that workers could agree on. */
  async standStill<T>(during: Promise<T>): Promise<T> {
    this.#asked += 1;
    try {
      return await during;
    } finally {
      this.#asked -= 1;
      this.#advanceLater();
    }
  }

  /** Comes after everything that the guest can do without the clock. */
  #advanceLater(): void {
    setImmediate(() => {
      if (this.#asked > 0 || this.#waiting.length === 0) return;
      const waiting = this.#waiting;
      this.#waiting = [];
      this.sleepUntil(waiting.reduce((first, { instant }) => (instant < first ? instant : first), 1n << 64n));
      for (const { wake } of waiting) wake();
    });
  }
}
