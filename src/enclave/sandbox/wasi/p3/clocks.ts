/** wasi:clocks and wasi:random of WASI 0.3, by the clocks and the randomness of 0.2. A wait is a timer, so it ends with the call. [WASI 0.3.0] */
import { whenCancelled } from '../../component/async/subtask.ts';
import { type Alarm, CLOCKS, RANDOM } from '../clocks.ts';

type Run = (...args: readonly unknown[]) => unknown;
const runOf = (interfaces: Readonly<Record<string, unknown>>, from: string, name: string): Run =>
  (interfaces[from] as Readonly<Record<string, Run>>)[name] as Run;

/** A guest that asks for more is given this much, and may ask again. */
const MAX_RANDOM_BYTES = 64n * 1024n;

/** Makes a function that waits of one that gives something to wait for. */
function waiting(subscribe: Run): (call: unknown, time: bigint) => Promise<void> | void {
  return (call, time) => {
    const alarm = subscribe(call, time) as Alarm;
    const waited = alarm.block();
    return waited instanceof Promise ? whenCancelled(waited, () => alarm[Symbol.dispose]()) : waited;
  };
}

function upTo(takeBytes: Run): Run {
  return (call, most) => takeBytes(call, (most as bigint) < MAX_RANDOM_BYTES ? most : MAX_RANDOM_BYTES);
}

/** The interfaces of wasi:clocks. */
export const CLOCKS_3: Readonly<Record<string, unknown>> = {
  'wasi:clocks/types@0.3': {},
  'wasi:clocks/monotonic-clock@0.3': {
    now: runOf(CLOCKS, 'wasi:clocks/monotonic-clock', 'now'),
    getResolution: runOf(CLOCKS, 'wasi:clocks/monotonic-clock', 'resolution'),
    waitUntil: waiting(runOf(CLOCKS, 'wasi:clocks/monotonic-clock', 'subscribeInstant')),
    waitFor: waiting(runOf(CLOCKS, 'wasi:clocks/monotonic-clock', 'subscribeDuration')),
  },
  'wasi:clocks/system-clock@0.3': {
    now: runOf(CLOCKS, 'wasi:clocks/wall-clock', 'now'),
    getResolution: () => 1_000_000n,
  },
};

const takeSeed = runOf(RANDOM, 'wasi:random/insecure-seed', 'insecureSeed');
const seeds = new WeakMap<object, unknown>();

/** Gives the seed of a call, which stays the same however often it is asked for. */
function getInsecureSeed(call: object): unknown {
  const seed = seeds.get(call) ?? takeSeed(call);
  seeds.set(call, seed);
  return seed;
}

/** The interfaces of wasi:random; the insecure ones are as good as the other. */
export const RANDOM_3: Readonly<Record<string, unknown>> = {
  'wasi:random/random@0.3': {
    getRandomBytes: upTo(runOf(RANDOM, 'wasi:random/random', 'getRandomBytes')),
    getRandomU64: runOf(RANDOM, 'wasi:random/random', 'getRandomU64'),
  },
  'wasi:random/insecure@0.3': {
    getInsecureRandomBytes: upTo(runOf(RANDOM, 'wasi:random/insecure', 'getInsecureRandomBytes')),
    getInsecureRandomU64: runOf(RANDOM, 'wasi:random/insecure', 'getInsecureRandomU64'),
  },
  'wasi:random/insecure-seed@0.3': { getInsecureSeed },
};
