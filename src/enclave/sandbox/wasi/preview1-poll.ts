/** Clocks, and waiting for them or for descriptors. Files and streams are ready at once, so only clocks make a guest wait. [WASI snapshot-01 clock_*, poll_oneoff] */
import { ERRNO, Errno, errnoOf } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import { RIGHT } from './preview1-rights.ts';
import { stdinLeft } from './preview1-stdio.ts';

const NANOS_PER_MS = 1_000_000n;
const MAX_WAIT_MS = 2 ** 31 - 1;
const CLOCKS = 2;
const REALTIME = 0;

const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
/** One poll may name every descriptor twice, and some clocks. */
const MAX_SUBSCRIPTIONS = 4096;
const EVENT_CLOCK = 0;
const EVENT_READ = 1;
const EVENT_WRITE = 2;
const ABSOLUTE = 1;
const HANG_UP = 1;

/** Reads a clock; one that is neither of the two is `inval`: there is no such for a guest alone. */
function readClock(id: number): bigint {
  if (id >>> 0 >= CLOCKS) throw new Errno('inval');
  return id === REALTIME ? BigInt(Date.now()) * NANOS_PER_MS : process.hrtime.bigint();
}

interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  /** When it is due by its clock; null when it is ready now. */
  readonly due: { readonly clock: number; readonly at: bigint } | null;
  readonly errno: number;
  readonly bytes: bigint;
  readonly flags: number;
}

function readClockSubscription(from: DataView): Subscription['due'] {
  const clock = from.getUint32(16, true);
  const timeout = from.getBigUint64(24, true);
  const now = readClock(clock);
  return { clock, at: (from.getUint16(40, true) & ABSOLUTE) === 0 ? now + timeout : timeout };
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
  const ready = { userdata, type, due: null, errno: ERRNO.success, bytes: 0n, flags: 0 };
  if (type === EVENT_CLOCK) return { ...ready, due: readClockSubscription(from) };
  if (type !== EVENT_READ && type !== EVENT_WRITE) throw new Errno('inval');
  try {
    return { ...ready, ...readiness(host, from.getUint32(16, true), type) };
  } catch (e) {
    const errno = errnoOf(e);
    if (errno === null) throw e;
    return { ...ready, errno };
  }
}

function leftOf({ due }: Subscription): bigint {
  return due === null ? 0n : due.at - readClock(due.clock);
}

function writeEvent(to: DataView, { userdata, errno, type, bytes, flags }: Subscription): void {
  to.setBigUint64(0, userdata, true);
  to.setUint16(8, errno, true);
  to.setUint8(10, type);
  to.setBigUint64(16, bytes, true);
  to.setUint16(24, flags, true);
}

async function wait(nanos: bigint): Promise<void> {
  const ms = Number(nanos / NANOS_PER_MS) + 1;
  await new Promise((resolve) => {
    setTimeout(resolve, Math.min(ms, MAX_WAIT_MS));
  });
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
  const number = count >>> 0;
  if (number === 0 || number > MAX_SUBSCRIPTIONS) throw new Errno('inval');
  memory.bytes(outAt, number * EVENT_BYTES);
  const subscriptions = Array.from({ length: number }, (_, i) =>
    readSubscription(host, memory.view(inAt + i * SUBSCRIPTION_BYTES, SUBSCRIPTION_BYTES)),
  );
  for (;;) {
    const due = subscriptions.filter((s) => leftOf(s) <= 0n);
    if (due.length > 0) {
      due.forEach((s, i) => writeEvent(memory.blank(outAt + i * EVENT_BYTES, EVENT_BYTES), s));
      return memory.setU32(sizeAt, due.length);
    }
    await wait(subscriptions.map(leftOf).reduce((least, left) => (left < least ? left : least)));
  }
}

/** The functions of time. */
export const POLL: Preview1Part = {
  clock_res_get: ({ memory }, id: number, at: number) => {
    readClock(id);
    memory.setU64(at, id === REALTIME ? NANOS_PER_MS : 1n);
  },
  clock_time_get: ({ memory }, id: number, _precision: bigint, at: number) => memory.setU64(at, readClock(id)),
  poll_oneoff: pollOneoff,
};

/** The functions that may make a guest wait. */
export const WAITING: ReadonlySet<string> = new Set(['poll_oneoff']);
