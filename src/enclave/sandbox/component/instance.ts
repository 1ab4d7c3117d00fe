/**
 * One instance of a linked component: its core instances, its memory, its handles. It serves one call at a time, and is thrown away after
 * a trap. [Component Model CanonicalABI.md, Runtime State]
 */
import { ENGINE } from '../engine.ts';
import type { RunningTask } from './async/lift-async.ts';
import { LIFT_BUDGET } from './call-context.ts';
import { type Exports, HostSide } from './host-side.ts';
import type { GuestFunction } from './lift-function.ts';
import type { LinkedComponent } from './link.ts';
import type { CoreItem, LiftedFunction } from './plan.ts';
import { at } from './scope.ts';
import { GuestTrap } from './trap.ts';

export interface ComponentInstance {
  /** Calls an export; what the guest does wrong rejects, and from then on every call does. */
  call(func: LiftedFunction, args: readonly unknown[]): Promise<unknown>;
  /** Calls an export that gives its result by `task.return`; it may go on afterwards. */
  start(func: LiftedFunction, args: readonly unknown[]): RunningTask;
  /** Gives what each core instance exports, in the order in which they were made. */
  cores(): readonly Exports[];
  /** Drops what the guest left behind, and never lets it run again; the host's side of it serves others only after a `sound` end. */
  close(sound: boolean): void;
}

/** Makes an instance for a call; @throws what the engine throws, and whatever the guest's start functions do. */
export function instantiate<Call>(linked: LinkedComponent<Call>, call: Call): ComponentInstance {
  const { liftOf, asyncLiftOf, waits } = linked;
  const side = HostSide.take(linked, call);
  const { states, contexts, made } = side;
  let isClosed = false;

  try {
    side.instantiate();
  } catch (e) {
    side.end(false);
    throw states.find(({ failure }) => failure !== null)?.failure?.reason ?? e;
  }

  const lifted = new Map<LiftedFunction, (args: readonly unknown[]) => Promise<unknown>>();

  const callable = (item: CoreItem): GuestFunction => {
    const core = side.valueOf(item) as GuestFunction;
    return waits ? ENGINE.promising(core) : core;
  };

  /** What is closed is another's by now. */
  function checkOpen(): void {
    if (isClosed) throw new GuestTrap('the instance is over');
  }

  function lift(func: LiftedFunction): (args: readonly unknown[]) => Promise<unknown> {
    const callLifted = liftOf(func.type);
    const entry = callable(func.core);
    const postReturn = func.postReturn === null ? null : (side.valueOf(func.postReturn) as GuestFunction);
    const cx = at(contexts, func.context, 'context');
    const { state } = cx;
    return (args) => {
      state.mayBlock = func.type.isAsync;
      state.storage.fill(0);
      return callLifted(cx, entry, postReturn, args);
    };
  }

  return {
    start(func, args) {
      checkOpen();
      for (const state of states) state.liftLeft = LIFT_BUDGET;
      const cores = { core: callable(func.core), callback: func.callback === null ? null : callable(func.callback) };
      return asyncLiftOf(func.type)(at(contexts, func.context, 'context'), cores, args);
    },
    async call(func, args) {
      checkOpen();
      const callGuest = lifted.get(func) ?? lift(func);
      lifted.set(func, callGuest);
      for (const state of states) state.liftLeft = LIFT_BUDGET;
      return await callGuest(args);
    },
    cores: () => made,
    close(sound) {
      if (isClosed) return;
      isClosed = true;
      side.end(sound);
    },
  };
}
