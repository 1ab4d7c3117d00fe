/**
 * Makes the core functions of the asynchronous part of the canonical ABI. Each is a call out of the guest: none runs inside its allocator or its
 * clean-up, and whatever goes wrong ends the instance. [Component Model CanonicalABI.md, Canonical Definitions]
 */
import { ENGINE } from '../../engine.ts';
import type { AbiContext, InstanceState } from '../call-context.ts';
import type { CoreValue } from '../lift-flat.ts';
import type { MakeCore } from '../link.ts';
import type { PlannedBuiltin } from '../plan.ts';
import { at } from '../scope.ts';
import { endGuest, GuestTrap, leaveGuest, returnToGuest } from '../trap.ts';
import { cancelCopy, copy } from './copy.ts';
import { makeCodec } from './copy-buffer.ts';
import { dropEnd, type EndType, makeEnds, type Side, type StreamKind } from './guest-end.ts';
import { cancelSubtask, dropSubtask } from './subtask.ts';
import { cancelTask, makeTaskReturn } from './task.ts';
import { checkMayBlock, yieldToOthers } from './wait.ts';
import { dropSet, joinSet, makeSet, pollSet, waitForSet } from './waitable-sets.ts';

type Numbers = readonly number[];
/** What a canonical function does; one that gives a promise makes its guest wait. */
type Act = (numbers: Numbers) => CoreValue | void | Promise<CoreValue | void>;

const MAX_BACKPRESSURE = 2 ** 16;

/** Makes a core function; only one that may `wait` may give a promise. */
function makeCore(state: InstanceState, waits: boolean, act: Act): unknown {
  async function finish(value: Promise<CoreValue | void>): Promise<CoreValue | void> {
    try {
      const settled = await value;
      if (state.over) return await new Promise(() => undefined);
      returnToGuest(state);
      return settled;
    } catch (e) {
      return endGuest(state, e);
    }
  }
  const numbersOf = (flat: readonly CoreValue[]): Numbers => flat.map((value) => Number(value) >>> 0);
  if (!waits) return (...flat: CoreValue[]) => leaveGuest(state, () => act(numbersOf(flat)));
  return new ENGINE.Suspending((...flat: CoreValue[]) => {
    if (!state.mayLeave) return endGuest(state, new GuestTrap('a function was called where none may be'));
    state.mayLeave = false;
    try {
      const value = act(numbersOf(flat));
      if (value instanceof Promise) return finish(value);
      returnToGuest(state);
      return value;
    } catch (e) {
      return endGuest(state, e);
    }
  });
}

const PLAIN: Readonly<Record<string, (state: InstanceState, numbers: Numbers) => number | void>> = {
  'task.cancel': cancelTask,
  'subtask.drop': (state, [index = 0]) => dropSubtask(state, index),
  'waitable-set.new': makeSet,
  'waitable-set.drop': (state, [index = 0]) => dropSet(state, index),
  'waitable.join': (state, [waitable = 0, set = 0]) => joinSet(state, waitable, set),
  'backpressure.inc': (state) => {
    state.backpressure += 1;
    if (state.backpressure >= MAX_BACKPRESSURE) throw new GuestTrap('too much backpressure');
  },
  'backpressure.dec': (state) => {
    state.backpressure -= 1;
    if (state.backpressure < 0) throw new GuestTrap('backpressure below zero');
  },
};

/** Gives which ends a function is about from its name, such as `stream.cancel-read`. */
function endTypeOf(op: string, element: EndType['element']): EndType {
  const kind: StreamKind = op.startsWith('stream') ? 'stream' : 'future';
  const side: Side = /write|writable/.test(op) ? 'write' : 'read';
  return { kind, side, element };
}

/** What a guest keeps for its call, which it may touch at any time. */
function prepareStorage<Call>({ op, slot, owner }: Extract<PlannedBuiltin, { slot: number }>): MakeCore<Call> {
  return ({ states }) => {
    const { storage } = at(states, owner, 'component instance');
    if (op === 'context.get') return () => storage[slot];
    return (value: number) => {
      storage[slot] = value;
    };
  };
}

type Bound = (cx: AbiContext) => Act;

/** Makes what acts with a memory. */
function prepareWithMemory(
  builtin: Exclude<Extract<PlannedBuiltin, { context: number }>, { op: 'task.return' }>,
): Bound {
  if (!('element' in builtin)) {
    const act = builtin.op === 'waitable-set.poll' ? pollSet : waitForSet;
    return (cx) =>
      ([set = 0, pointer = 0]) =>
        act(cx, set, pointer);
  }
  const { op, element, isAsync } = builtin;
  const type = endTypeOf(op, element);
  const codec = makeCodec(element);
  const isFuture = type.kind === 'future';
  return (cx) =>
    ([index = 0, pointer = 0, count = 0]) =>
      copy(cx, type, codec, isAsync, [index, pointer, isFuture ? 1 : count]);
}

/** Makes what acts without one. */
function prepareWithout(builtin: Extract<PlannedBuiltin, { owner: number }>): (state: InstanceState) => Act {
  const { op } = builtin;
  if (op === 'subtask.cancel')
    return (state) =>
      ([index = 0]) =>
        cancelSubtask(state, index);
  if (op === 'thread.yield') {
    return (state) => () => {
      checkMayBlock(state);
      return yieldToOthers().then(() => 0);
    };
  }
  if ('element' in builtin) {
    const type = endTypeOf(op, builtin.element);
    if ('isAsync' in builtin)
      return (state) =>
        ([index = 0]) =>
          cancelCopy(state, type, builtin.isAsync, index);
    if (op.endsWith('.new')) return (state) => () => makeEnds(state, type.kind, type.element);
    return (state) =>
      ([index = 0]) =>
        dropEnd(state, index, type);
  }
  const act = PLAIN[op];
  if (act === undefined) throw new TypeError(`no canonical function ${op}`);
  return (state) => (numbers) => act(state, numbers);
}

/** Tells whether a guest may have to wait inside of a function. */
export function builtinWaits(builtin: PlannedBuiltin): boolean {
  if (builtin.op === 'waitable-set.wait' || builtin.op === 'thread.yield') return true;
  return 'isAsync' in builtin && builtin.op !== 'subtask.cancel' && !builtin.isAsync;
}

/** Prepares a canonical function for all instances. */
export function prepareBuiltin<Call>(builtin: PlannedBuiltin): MakeCore<Call> {
  if ('slot' in builtin) return prepareStorage(builtin);
  if (builtin.op === 'task.return') {
    const give = makeTaskReturn(builtin.result);
    return ({ contexts }) => {
      const cx = at(contexts, builtin.context, 'context');
      return (...flat: CoreValue[]) => leaveGuest(cx.state, () => give(cx, flat));
    };
  }
  const waits = builtinWaits(builtin);
  if ('context' in builtin) {
    const bind = prepareWithMemory(builtin);
    return ({ contexts }) => {
      const cx = at(contexts, builtin.context, 'context');
      return makeCore(cx.state, waits, bind(cx));
    };
  }
  const bind = prepareWithout(builtin);
  return ({ states }) => {
    const state = at(states, builtin.owner, 'component instance');
    return makeCore(state, waits, bind(state));
  };
}
