/**
 * Calls a guest's function that gives its result by `task.return`. With a callback its stack is gone while it waits, and it is told of each event;
 * without one it waits where it stands. [Component Model CanonicalABI.md, canon lift with `async`]
 */
import type { AbiContext, InstanceState } from '../call-context.ts';
import type { CoreValue } from '../lift-flat.ts';
import type { GuestFunction } from '../lift-function.ts';
import { makeLowerArgs } from '../lower-args.ts';
import { GuestTrap, reasonFor, returnToGuest } from '../trap.ts';
import { type FunctionType, makeParams } from '../value-type.ts';
import type { Task } from './task.ts';
import { waitOnSet, yieldToOthers } from './wait.ts';
import { type GuestEvent, NO_EVENT } from './waitable.ts';
import { setAt } from './waitable-sets.ts';

/** A call that gives its result before it ends. */
export interface RunningTask {
  /** Its result; rejects when it ends without one. */
  readonly returned: Promise<unknown>;
  /** Resolves when its guest is done; rejects when that ended in a trap. */
  readonly exited: Promise<void>;
}

export interface AsyncCores {
  readonly core: GuestFunction;
  readonly callback: GuestFunction | null;
}

/** What a guest answers that is to be called again. */
const ANSWER = { exit: 0, yield: 1, wait: 2 } as const;

export type AsyncLiftedCall = (cx: AbiContext, cores: AsyncCores, args: readonly unknown[]) => RunningTask;

/** Lets the guest's code run. */
async function enter(state: InstanceState, core: GuestFunction, flat: readonly CoreValue[]): Promise<number> {
  returnToGuest(state);
  const answer = await core(...flat);
  if (!state.mayLeave) throw reasonFor(state);
  state.mayLeave = false;
  return Number(answer) >>> 0;
}

/** Waits for what a guest says that it waits for. */
async function nextEvent(state: InstanceState, answer: number): Promise<GuestEvent> {
  const code = answer & 0xf;
  if (code === ANSWER.yield) {
    await yieldToOthers();
    return NO_EVENT;
  }
  if (code !== ANSWER.wait) throw new GuestTrap(`a guest answered with ${code}`);
  return await waitOnSet(state, setAt(state, answer >>> 4));
}

async function runToEnd(
  { cx, isReturned }: { readonly cx: AbiContext; readonly isReturned: () => boolean },
  { core, callback }: AsyncCores,
  flat: readonly CoreValue[],
): Promise<void> {
  const { state } = cx;
  let answer = await enter(state, core, flat);
  // Without a callback it is done when it returns.
  if (callback === null) answer = ANSWER.exit;
  while (answer !== ANSWER.exit) {
    const event = await nextEvent(state, answer);
    if (state.over) return await new Promise(() => undefined);
    answer = await enter(state, callback ?? core, event);
  }
  if (!isReturned()) throw new GuestTrap('a call ended without a result');
}

/** Makes what calls guest functions of this type; @throws Malformed for a type with too many parts. */
export function makeAsyncLift(type: FunctionType): AsyncLiftedCall {
  const lower = makeLowerArgs(makeParams(type));

  async function start(
    cx: AbiContext,
    cores: AsyncCores,
    args: readonly unknown[],
    resolve: Task['resolve'],
  ): Promise<void> {
    const { state } = cx;
    if (!state.mayLeave) throw reasonFor(state);
    // As in every call: only its own code sets it again, so one that fails leaves the instance unusable.
    state.mayLeave = false;
    const task: Task = { cx, type, returns: true, resolve, isResolved: false };
    state.task = task;
    state.mayBlock = true;
    state.storage.fill(0);
    try {
      const flat: CoreValue[] = [];
      lower(cx, args, flat);
      await runToEnd({ cx, isReturned: () => task.isResolved }, cores, flat);
      state.task = null;
      state.mayLeave = true;
    } catch (e) {
      state.mayLeave = false;
      state.failure ??= { reason: e };
      throw state.failure.reason;
    }
  }

  return (cx, cores, args) => {
    const { promise: returned, resolve, reject } = Promise.withResolvers<unknown>();
    const exited = start(cx, cores, args, resolve);
    exited.catch(reject);
    // Whoever wants the result only does not hear of an end after it.
    returned.catch(() => undefined);
    return { returned, exited };
  };
}
