/** wasi:clocks and wasi:random: real time and the kernel's randomness. A wait is a timer, so it ends with the call. [WASI 0.2.12] */
import { randomBytes } from 'node:crypto';
import { Pollable } from './io.ts';

/** More randomness than this at once is a trap: the guest would otherwise make the host allocate what its own memory cap forbids. */
const MAX_RANDOM_BYTES = 1024n * 1024n;
const MAX_WAIT_MS = 2 ** 31 - 1;
const NANOS_PER_MS = 1_000_000n;

function waitUntil(instant: bigint): Pollable {
  return new Pollable(
    () => process.hrtime.bigint() >= instant,
    () =>
      new Promise((resolve) => {
        const leftMs = Number((instant - process.hrtime.bigint()) / NANOS_PER_MS) + 1;
        setTimeout(resolve, Math.min(Math.max(leftMs, 0), MAX_WAIT_MS));
      }),
  );
}

function wallClockNow(): { seconds: bigint; nanoseconds: number } {
  const now = Date.now();
  return { seconds: BigInt(Math.floor(now / 1000)), nanoseconds: (now % 1000) * 1_000_000 };
}

function takeRandomBytes(_call: unknown, length: bigint): Uint8Array {
  if (length > MAX_RANDOM_BYTES) throw new RangeError('too many random bytes at once');
  return Uint8Array.from(randomBytes(Number(length)));
}

const takeRandomU64 = (): bigint => randomBytes(8).readBigUInt64BE();

/** The interfaces of wasi:clocks, the same for every call. */
export const CLOCKS: Readonly<Record<string, unknown>> = {
  'wasi:clocks/monotonic-clock': {
    now: () => process.hrtime.bigint(),
    resolution: () => 1n,
    subscribeInstant: (_call: unknown, when: bigint) => waitUntil(when),
    subscribeDuration: (_call: unknown, duration: bigint) => waitUntil(process.hrtime.bigint() + duration),
  },
  'wasi:clocks/wall-clock': { now: wallClockNow, resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }) },
};

/** The interfaces of wasi:random, the same for every call; the insecure ones are as good as the other. */
export const RANDOM: Readonly<Record<string, unknown>> = {
  'wasi:random/random': { getRandomBytes: takeRandomBytes, getRandomU64: takeRandomU64 },
  'wasi:random/insecure': { getInsecureRandomBytes: takeRandomBytes, getInsecureRandomU64: takeRandomU64 },
  'wasi:random/insecure-seed': { insecureSeed: () => [takeRandomU64(), takeRandomU64()] },
};
