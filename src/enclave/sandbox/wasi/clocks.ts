/** wasi:clocks and wasi:random over what a call says of time and randomness. A wait ends with the call. [WASI 0.2.12] */
import type { GuestCall } from './call.ts';
import { Pollable } from './io.ts';
import type { Surroundings, Wait } from './surroundings.ts';

/** More randomness than this at once is a trap: the guest would otherwise make the host allocate what its own memory cap forbids. */
const MAX_RANDOM_BYTES = 1024n * 1024n;
const NANOS_PER_SECOND = 1_000_000_000n;

/** A pollable that is ready from an instant on. However often it is waited for, it has one wait, which ends with it. */
export class Alarm extends Pollable {
  readonly #callOff: () => void;
  constructor(surroundings: Surroundings, instant: bigint) {
    let wait: Wait | null = null;
    super(
      () => surroundings.monotonicNanos() >= instant,
      async () => {
        wait ??= surroundings.reach(instant);
        const { over } = wait;
        await over;
        wait = null;
      },
    );
    this.#callOff = () => wait?.callOff();
  }
  [Symbol.dispose](): void {
    this.#callOff();
  }
}

function readWallClock({ surroundings }: GuestCall): { seconds: bigint; nanoseconds: number } {
  const nanos = surroundings.wallNanos();
  return { seconds: nanos / NANOS_PER_SECOND, nanoseconds: Number(nanos % NANOS_PER_SECOND) };
}

function takeRandomBytes({ surroundings }: GuestCall, length: bigint): Uint8Array {
  if (length > MAX_RANDOM_BYTES) throw new RangeError('too many random bytes at once');
  const bytes = new Uint8Array(Number(length));
  surroundings.fillRandom(bytes);
  return bytes;
}

function takeRandomU64({ surroundings }: GuestCall): bigint {
  const bytes = new Uint8Array(8);
  surroundings.fillRandom(bytes);
  return new DataView(bytes.buffer).getBigUint64(0);
}

/** The interfaces of wasi:clocks, the same for every call. */
export const CLOCKS: Readonly<Record<string, unknown>> = {
  'wasi:clocks/monotonic-clock': {
    now: ({ surroundings }: GuestCall) => surroundings.monotonicNanos(),
    resolution: () => 1n,
    subscribeInstant: ({ surroundings }: GuestCall, when: bigint) => new Alarm(surroundings, when),
    subscribeDuration: ({ surroundings }: GuestCall, duration: bigint) =>
      new Alarm(surroundings, surroundings.monotonicNanos() + duration),
  },
  'wasi:clocks/wall-clock': { now: readWallClock, resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }) },
};

/** The interfaces of wasi:random, the same for every call; the insecure ones are as good as the other. */
export const RANDOM: Readonly<Record<string, unknown>> = {
  'wasi:random/random': { getRandomBytes: takeRandomBytes, getRandomU64: takeRandomU64 },
  'wasi:random/insecure': { getInsecureRandomBytes: takeRandomBytes, getInsecureRandomU64: takeRandomU64 },
  'wasi:random/insecure-seed': { insecureSeed: (call: GuestCall) => [takeRandomU64(call), takeRandomU64(call)] },
};
