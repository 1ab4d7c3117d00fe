/** Clocks, and waiting for them or for descriptors. Files and streams are ready at once, so only clocks make a guest wait. [WASI snapshot-01 clock_*, poll_oneoff] */
import { ERRNO, Errno, errnoOf } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import { RIGHT } from './preview1-rights.ts';
import { stdinLeft } from './preview1-stdio.ts';

const NANOS_PER_MS = 1_000_000n;
const REALTIME = 0;
const MONOTONIC = 1;

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
/** One poll may name every descriptor twice, and some clocks. */
const MAX_SUBSCRIPTIONS = 4096;
const EVENT_CLOCK = 0;
const EVENT_READ = 1;
const EVENT_WRITE = 2;
const ABSOLUTE = 1;
const HANG_UP = 1;

/** Reads a clock; one of processor time is `inval`, because no guest has a processor for itself. */
function readClock({ call }: Preview1Host, id: number): bigint {
  if (id === REALTIME) return call.surroundings.wallNanos();
  if (id === MONOTONIC) return call.surroundings.monotonicNanos();
  throw new Errno('inval');
}

interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  /** When it is due, by the monotonic clock. */
  readonly due: bigint;
  readonly errno: number;
  readonly bytes: bigint;
  readonly flags: number;
}

/** Says when a clock that is subscribed to is due, by the monotonic clock: whatever becomes of the other one meanwhile. */
function readDue(host: Preview1Host, from: DataView): bigint {
  const now = readClock(host, from.getUint32(16, true));
  const timeout = from.getBigUint64(24, true);
  const left = (from.getUint16(40, true) & ABSOLUTE) === 0 ? timeout : timeout - now;
  return host.call.surroundings.monotonicNanos() + left;
}

/** Says what a descriptor is ready for: how much can be read, or that any amount can be written. */
function readiness(
  { call, descriptors }: Preview1Host,
  fd: number,
  type: number,
): Pick<Subscription, 'bytes' | 'flags'> {
  const right = type === EVENT_READ ? RIGHT.fdRead : RIGHT.fdWrite;
  const { target, position } = descriptors.get(fd, RIGHT.pollFdReadwrite | right);
  if (type === EVENT_WRITE) return { bytes: 1n, flags: 0 };
  if (target.kind === 'file') return { bytes: BigInt(Math.max(target.size - position, 0)), flags: 0 };
  const left = stdinLeft(call);
  return { bytes: BigInt(left), flags: left === 0 ? HANG_UP : 0 };
}

function readSubscription(host: Preview1Host, from: DataView): Subscription {
  const userdata = from.getBigUint64(0, true);
  const type = from.getUint8(8);
  const ready = { userdata, type, due: 0n, errno: ERRNO.success, bytes: 0n, flags: 0 };
  if (type === EVENT_CLOCK) return { ...ready, due: readDue(host, from) };
  if (type !== EVENT_READ && type !== EVENT_WRITE) throw new Errno('inval');
  try {
    return { ...ready, ...readiness(host, from.getUint32(16, true), type) };
  } catch (e) {
    const errno = errnoOf(e);
    if (errno === null) throw e;
    return { ...ready, errno };
  }
}

function writeEvent(to: DataView, { userdata, errno, type, bytes, flags }: Subscription): void {
  to.setBigUint64(0, userdata, true);
  to.setUint16(8, errno, true);
  to.setUint8(10, type);
  to.setBigUint64(16, bytes, true);
  to.setUint16(24, flags, true);
}

/** Waits until something is due, and tells all that is. */
async function pollOneoff(
  host: Preview1Host,
  inAt: number,
  outAt: number,
  count: number,
  sizeAt: number,
): Promise<void> {
  const { memory } = host;
  const { surroundings } = host.call;
  const number = count >>> 0;
  if (number === 0 || number > MAX_SUBSCRIPTIONS) throw new Errno('inval');
  memory.bytes(outAt, number * EVENT_BYTES);
  const subscriptions = Array.from({ length: number }, (_, i) =>
    readSubscription(host, memory.view(inAt + i * SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES)),
  );
  const first = subscriptions.reduce((least, s) => (s.due < least ? s.due : least), subscriptions[0]?.due ?? 0n);
  while (surroundings.monotonicNanos() < first) await surroundings.reach(first).over;
  const now = surroundings.monotonicNanos();
  const due = subscriptions.filter((s) => s.due <= now);
  due.forEach((s, i) => writeEvent(memory.blank(outAt + i * EVENT_BYTES, EVENT_BYTES), s));
  memory.setU32(sizeAt, due.length);
}

/** The functions of time. */
export const POLL: Preview1Part = {
  clock_res_get: (host, id: number, at: number) => {
    readClock(host, id);
    host.memory.setU64(at, id === REALTIME ? NANOS_PER_MS : 1n);
  },
  clock_time_get: (host, id: number, _precision: bigint, at: number) => host.memory.setU64(at, readClock(host, id)),
  poll_oneoff: pollOneoff,
};

/** The functions that may make a guest wait. */
export const WAITING: ReadonlySet<string> = new Set(['poll_oneoff']);
