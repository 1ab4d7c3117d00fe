/**
 * How a guest waits: until something of its own instance is ready. Each instance serves one call, so at most one wait is under way in it. A
 * guest whose call is over is never woken.
 */
import type { InstanceState } from '../call-context.ts';
import { GuestTrap } from '../trap.ts';
import type { GuestEvent, Waitable, WaitableSet } from './waitable.ts';

/** Resolves when `ready` says so; @throws why the instance is over, when it ends meanwhile. */
async function waitUntil(state: InstanceState, ready: () => boolean): Promise<void> {
  while (!ready() && state.failure === null) {
    // A second stack would wait here only if the guest ran twice at once.
    if (state.wake !== null) throw new GuestTrap('two waits in one instance');
    await new Promise<void>((resolve) => {
      state.wake = resolve;
    });
    state.wake = null;
  }
  if (state.over) return await new Promise(() => undefined);
  if (state.failure !== null) throw state.failure.reason;
}

/** Refuses to wait where nothing can happen meanwhile: in a function that says of itself that it never waits. */
export function checkMayBlock(state: InstanceState): void {
  if (!state.mayBlock) throw new GuestTrap('a function that is not asynchronous waits');
}

/** Waits for an event of a set. */
export async function waitOnSet(state: InstanceState, set: WaitableSet): Promise<GuestEvent> {
  set.waiting += 1;
  try {
    await waitUntil(state, () => set.hasEvent);
    return set.takeEvent();
  } finally {
    set.waiting -= 1;
  }
}

/** Waits for the event of one waitable, which must be in no set. */
export async function waitOnOne(waitable: Waitable): Promise<GuestEvent> {
  waitable.hasSyncWaiter = true;
  try {
    await waitUntil(waitable.state, () => waitable.hasEvent);
    return waitable.takeEvent();
  } finally {
    waitable.hasSyncWaiter = false;
  }
}

/** Lets everything else of the process have its turn. */
export function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Ends an instance from outside of its guest's code: what it waits for never comes, and whoever called it is told why. */
export function failInstance(state: InstanceState, reason: unknown): void {
  state.mayLeave = false;
  state.failure ??= { reason };
  state.wake?.();
}
