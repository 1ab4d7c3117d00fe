/**
 * Keeps a child process for one function, and a spare one while the function is in use: starts them, waits until they are ready, replaces what
 * ends, and pauses longer and longer while children die without having been of use. It knows nothing of calls: who does is attached to the
 * child that works, and hears it from then on.
 */
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import { type ChildEnd, type ChildLink, openChildLink } from './child-link.ts';
import type { ConfinedProcess } from './confined-process.ts';
import type { Frame } from './frame.ts';
import { parseChildMessage } from './messages.ts';
import { processTimeMs } from './process-time.ts';
import type { Timers } from './timers.ts';

/** What a user may do with a child that is ready. */
export interface ReadyChild {
  send(frame: Uint8Array): void;
  /** Sends a frame; resolves when the child's end has taken it, or will never. */
  deliver(frame: Uint8Array): Promise<void>;
  /** Kills the child and tells its user; does nothing when it is already gone. */
  kill(end: ChildEnd): void;
  /** Gives the processor time that the child has used, in milliseconds; null when the machine does not say. */
  cpuMs(): number | null;
  /** Says that the child is given work: that it ends later is no failed start. */
  markUsed(): void;
}

/** Who hears a child from the moment it works; a spare that says anything but that it is ready breaks the protocol. */
export interface ChildUser {
  /** Gives false when the frame is nothing that the child may say now; the child is then killed as malformed. */
  onFrame(frame: Frame): boolean;
  /** Is called once. */
  onEnd(end: ChildEnd): void;
}

export interface SupervisorOptions<User extends ChildUser> {
  readonly name: string;
  /** Starts one confined child. */
  readonly launch: () => ConfinedProcess;
  /** The frame that makes a child load the function. */
  readonly load: Uint8Array;
  /** How long a child may take until it is ready. */
  readonly startDeadlineMs: number;
  /** The largest frame that a child may send. */
  readonly frameBytes: number;
  /** How long after its last work a function keeps a spare child; 0 keeps none. */
  readonly spareMs: number;
  readonly timers: Timers;
  /** Makes the user of a child that works from now on. */
  readonly attach: (child: ReadyChild) => User;
  /** Hears of each child that ended before it had a user, and was not told to. */
  readonly onFailedStart: () => void;
  /** Gets what a child prints, a line at a time. */
  readonly onPrint: (line: string) => void;
}

export interface Supervisor<User> {
  /** Gives the user of the child that works now; null while there is none. */
  current(): User | null;
  /** Resolves with the user of the child that works now or next; waits as long as there is none, and rejects when closed. */
  next(): Promise<User>;
  close(): Promise<void>;
}

/** One child from its start to its end; `user` is there once it works. */
interface Child<User> {
  readonly link: ChildLink;
  isReady: boolean;
  user: User | null;
  wasUsed: boolean;
  /** No longer needed, so that its end says nothing about the function. */
  isDismissed: boolean;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** To start a process holds the gate up for some milliseconds, which callers who were just turned away shall not wait for. */
const SPARE_PAUSE_MS = 100;

/**
 * Starts the first child and waits until it has loaded the function.
 * @throws FunctionError ERR_FUNCTION_INVALID when the child refuses the function, ERR_FUNCTION_UNAVAILABLE when it dies or is too slow
 */
export async function openSupervisor<User extends ChildUser>(
  options: SupervisorOptions<User>,
): Promise<Supervisor<User>> {
  const { timers } = options;
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${options.name}" ${why}`);
  let closed = false;
  let failedStarts = 0;
  let lastWork = Number.NEGATIVE_INFINITY;
  /** Calls off the start that is planned. */
  let planned: (() => void) | null = null;
  /** Calls off the look at whether the spare is still wanted. */
  let watch: (() => void) | null = null;
  let working: Child<User> | null = null;
  /** Starts, or is the spare. There is never more than one, so a function has two children at the most. */
  let coming: Child<User> | null = null;
  let ready = Promise.withResolvers<User>();
  const first = Promise.withResolvers<void>();
  /** Children that still exist, killed or not. */
  const existing = new Set<Promise<void>>();

  const wantsSpare = (): boolean => timers.now() - lastWork < options.spareMs;

  function start(): void {
    let process: ConfinedProcess;
    try {
      process = options.launch();
    } catch {
      // The system has no memory or no process left just now; that is no reason to end the gate.
      fail();
      return plan();
    }
    const child: Child<User> = {
      isReady: false,
      user: null,
      wasUsed: false,
      isDismissed: false,
      link: openChildLink(process, options.frameBytes, {
        onFrame: (frame) => (child.user === null ? !child.isReady && begin(child, frame) : child.user.onFrame(frame)),
        onEnd: (end) => finish(child, end),
        onPrint: options.onPrint,
      }),
    };
    coming = child;
    const callOff = timers.after(options.startDeadlineMs, () => {
      if (!child.isReady) child.link.kill('killed');
    });
    const { gone } = child.link;
    existing.add(gone);
    void gone.then(() => {
      callOff();
      return existing.delete(gone);
    });
    child.link.send(options.load);
  }

  /** Plans the next start where a child is missing: at once where none works, unless children keep dying before they were of any use. */
  function plan(): void {
    if (closed || coming !== null || (working !== null && !wantsSpare())) return;
    if (planned !== null && (working !== null || failedStarts > 0)) return;
    planned?.();
    const pauseMs = failedStarts === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failedStarts - 1), LONGEST_PAUSE_MS);
    planned = timers.after(working === null ? pauseMs : Math.max(pauseMs, SPARE_PAUSE_MS), () => {
      planned = null;
      start();
    });
  }

  /** Takes the first word of a child: it is ready, or it refuses the function. */
  function begin(child: Child<User>, frame: Frame): boolean {
    const message = parseChildMessage(frame);
    if (message?.type === 'refused') {
      first.reject(error('ERR_FUNCTION_INVALID', `could not be loaded: ${message.text}`));
      child.link.kill('killed');
      return true;
    }
    if (message?.type !== 'ready') return false;
    child.isReady = true;
    if (working === null) employ(child);
    else dismissLater(child);
    return true;
  }

  /** Has a child that is ready work from now on. */
  function employ(child: Child<User>): void {
    coming = null;
    watch?.();
    working = child;
    child.user = options.attach({
      send: (frame) => child.link.send(frame),
      deliver: (frame) => child.link.deliver(frame),
      kill: (end) => child.link.kill(end),
      cpuMs: () => processTimeMs(child.link.pid),
      markUsed: () => {
        lastWork = timers.now();
        if (child.wasUsed && coming !== null) return;
        // Only the first work of a child shows that starts go well: while one works, its spare may die again and again.
        if (!child.wasUsed) failedStarts = 0;
        child.wasUsed = true;
        plan();
      },
    });
    ready.resolve(child.user);
    first.resolve();
    plan();
  }

  /** Ends a spare that nobody may need any more, so that an idle function holds the memory of one process. */
  function dismissLater(spare: Child<User>): void {
    const idleMs = timers.now() - lastWork;
    watch = timers.after(Math.max(options.spareMs - idleMs, 1), () => {
      if (coming !== spare) return;
      if (wantsSpare()) return dismissLater(spare);
      spare.isDismissed = true;
      spare.link.kill('killed');
    });
  }

  function fail(): void {
    failedStarts += 1;
    first.reject(error('ERR_FUNCTION_UNAVAILABLE', 'did not start'));
    options.onFailedStart();
  }

  /** Tells the user, puts the spare to work, and plans what is missing. */
  function finish(child: Child<User>, end: ChildEnd): void {
    if (working === child) {
      working = null;
      ready = Promise.withResolvers<User>();
    } else {
      coming = null;
      watch?.();
    }
    if (!child.isDismissed) {
      // Ready is only what the child says: one that dies before its first call would otherwise be started without end.
      if (child.user === null) fail();
      else if (!child.wasUsed) failedStarts += 1;
      if (working === null && coming?.isReady === true) employ(coming);
    }
    child.user?.onEnd(end);
    plan();
  }

  async function close(): Promise<void> {
    closed = true;
    planned?.();
    watch?.();
    for (const child of [working, coming]) {
      if (child !== null) child.isDismissed = true;
      child?.link.kill('killed');
    }
    ready.promise.catch(() => undefined);
    ready.reject(error('ERR_FUNCTION_UNAVAILABLE', 'is closed'));
    await Promise.all(existing);
  }

  start();
  try {
    await first.promise;
  } catch (e) {
    await close();
    throw e;
  }
  return { current: () => (closed ? null : (working?.user ?? null)), next: () => ready.promise, close };
}
