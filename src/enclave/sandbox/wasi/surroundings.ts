/**
 * What a guest can find out about the time and take as randomness. Everything that the host tells a guest of either goes through here, so
 * that a function whose answers must be the same everywhere can be given others.
 */
import { randomFillSync } from 'node:crypto';

/** A wait for a clock; who waits no longer calls it off, so that nothing is kept for it. */
export interface Wait {
  readonly over: Promise<void>;
  callOff(): void;
}

export interface Surroundings {
  /** Gives the time in nanoseconds since 1970. */
  wallNanos(): bigint;
  /** Gives the time of a clock that never goes back, in nanoseconds since some instant. */
  monotonicNanos(): bigint;
  /** Waits until the monotonic clock may have reached an instant; whoever waits looks at the clock again. */
  reach(monotonicNanos: bigint): Wait;
  /** Fills bytes with randomness. */
  fillRandom(bytes: Uint8Array): void;
}

const MAX_WAIT_MS = 2 ** 31 - 1;
const NANOS_PER_MS = 1_000_000n;

/** Gives the milliseconds until an instant, rounded up, as far as a timer can wait. */
function leftMs(monotonicNanos: bigint): number {
  const left = Number((monotonicNanos - process.hrtime.bigint()) / NANOS_PER_MS) + 1;
  return Math.min(Math.max(left, 0), MAX_WAIT_MS);
}

/** Real time and the kernel's randomness. */
export const REAL_SURROUNDINGS: Surroundings = {
  wallNanos: () => BigInt(Date.now()) * NANOS_PER_MS,
  monotonicNanos: () => process.hrtime.bigint(),
  reach(monotonicNanos) {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, leftMs(monotonicNanos));
    return { over, callOff: () => clearTimeout(timer) };
  },
  fillRandom: (bytes) => void randomFillSync(bytes),
};
