/**
 * Keeps a child process for one function: starts it, waits until it is ready, replaces it when it ends, and pauses longer and longer while
 * children die without having been of use. It knows nothing of calls: who does is attached to each child that is ready, and hears it from then on.
 */
import type { ChildProcess } from 'node:child_process';
import type { FunctionCode } from '../../error-table.ts';
import { FunctionError } from '../../errors.ts';
import { type ChildEnd, type ChildLink, openChildLink } from './child-link.ts';
import type { Frame } from './frame.ts';
import { parseChildMessage } from './messages.ts';

/** What a user may do with a child that is ready. */
export interface ReadyChild {
  /** Resolves when the child's end has taken the bytes, or will never. */
  send(frame: Uint8Array): Promise<void>;
  /** Kills the child and tells its user; does nothing when it is already gone. */
  kill(end: ChildEnd): void;
  /** Says that the child is given work: that it ends later is no failed start. */
  markUsed(): void;
}

/** Who hears a child from the moment it is ready. */
export interface ChildUser {
  /** Gives false when the frame is nothing that the child may say now; the child is then killed as malformed. */
  onFrame(frame: Frame): boolean;
  /** Is called once. */
  onEnd(end: ChildEnd): void;
}

export interface SupervisorOptions<User extends ChildUser> {
  readonly name: string;
  /** Starts one confined child. */
  readonly launch: () => ChildProcess;
  /** The frame that makes a child load the function. */
  readonly load: Uint8Array;
  /** How long a child may take until it is ready. */
  readonly startDeadlineMs: number;
  /** The largest frame that a child may send. */
  readonly frameBytes: number;
  /** Makes the user of a child that is ready. */
  readonly attach: (child: ReadyChild) => User;
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

/** One child from its start to its end; `user` is there once it is ready. */
interface Child<User> {
  readonly link: ChildLink;
  user: User | null;
  wasUsed: boolean;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Starts the first child and waits until it has loaded the function.
 * @throws FunctionError ERR_FUNCTION_INVALID when the child refuses the function, ERR_FUNCTION_UNAVAILABLE when it dies or is too slow
 */
export async function openSupervisor<User extends ChildUser>(
  options: SupervisorOptions<User>,
): Promise<Supervisor<User>> {
  const error = (code: FunctionCode, why: string): FunctionError =>
    new FunctionError(code, `function "${options.name}" ${why}`);
  let closed = false;
  let failedStarts = 0;
  let pause: NodeJS.Timeout | undefined;
  let current: Child<User> | null = null;
  let ready = Promise.withResolvers<User>();
  const first = Promise.withResolvers<void>();
  /** Children that still exist, killed or not. */
  const existing = new Set<Promise<void>>();

  function start(): void {
    let process: ChildProcess;
    try {
      process = options.launch();
    } catch {
      // The system has no memory or no process left just now; that is no reason to end the gate.
      failedStarts += 1;
      return startLater();
    }
    const child: Child<User> = {
      user: null,
      wasUsed: false,
      link: openChildLink(process, options.frameBytes, {
        onFrame: (frame) => (child.user === null ? begin(child, frame) : child.user.onFrame(frame)),
        onEnd: (end) => finish(child, end),
        onPrint: options.onPrint,
      }),
    };
    current = child;
    const timer = setTimeout(() => {
      if (child.user === null) child.link.kill('killed');
    }, options.startDeadlineMs);
    const { gone } = child.link;
    existing.add(gone);
    void gone.then(() => {
      clearTimeout(timer);
      return existing.delete(gone);
    });
    void child.link.send(options.load);
  }

  /** Starts the next child: at once, unless children keep dying before they were of any use. */
  function startLater(): void {
    first.reject(error('ERR_FUNCTION_UNAVAILABLE', 'did not start'));
    if (closed) return;
    const pauseMs = failedStarts === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (failedStarts - 1), LONGEST_PAUSE_MS);
    pause = setTimeout(start, pauseMs);
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
    child.user = options.attach({
      send: (bytes) => child.link.send(bytes),
      kill: (end) => child.link.kill(end),
      markUsed: () => {
        child.wasUsed = true;
        failedStarts = 0;
      },
    });
    ready.resolve(child.user);
    first.resolve();
    return true;
  }

  /** Tells the user, and has the next child started. */
  function finish(child: Child<User>, end: ChildEnd): void {
    child.user?.onEnd(end);
    if (current === child) current = null;
    if (child.user !== null) ready = Promise.withResolvers<User>();
    // Ready is only what the child says: one that dies before its first call would otherwise be started without end.
    if (!child.wasUsed) failedStarts += 1;
    startLater();
  }

  async function close(): Promise<void> {
    closed = true;
    clearTimeout(pause);
    current?.link.kill('killed');
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
  return { current: () => (closed ? null : (current?.user ?? null)), next: () => ready.promise, close };
}
