/** The canonical functions about waitable sets. [Component Model CanonicalABI.md, canon waitable-set.*, waitable.join] */
import type { AbiContext, InstanceState } from '../call-context.ts';
import type { HandleKind } from '../handle-table.ts';
import { GuestTrap } from '../trap.ts';
import { checkMayBlock, waitOnSet } from './wait.ts';
import { type GuestEvent, Waitable, WaitableSet } from './waitable.ts';

const KIND: HandleKind = { of: 'async', name: 'waitable set' };

/** Gives the set that a guest names. */
export function setAt({ handles }: InstanceState, index: number): WaitableSet {
  return handles.get(index, KIND).representation as WaitableSet;
}

/** Makes an empty set. */
export function makeSet({ handles }: InstanceState): number {
  return handles.add(KIND, new WaitableSet());
}

/** Drops a set that nothing is in and nobody waits on. */
export function dropSet(state: InstanceState, index: number): void {
  setAt(state, index).checkUnused();
  state.handles.remove(index, KIND);
}

/** Moves a waitable into a set, or out of every set where the set is 0. */
export function joinSet(state: InstanceState, waitable: number, set: number): void {
  const { representation } = state.handles.any(waitable);
  if (!(representation instanceof Waitable)) throw new GuestTrap(`handle ${waitable} is nothing to wait for`);
  representation.join(set === 0 ? null : setAt(state, set));
}

/** Writes an event where the guest wants it, and gives its code. */
function storeEvent(cx: AbiContext, pointer: number, [code, index, payload]: GuestEvent): number {
  const view = cx.memory.at(pointer, 8, 4);
  view.setUint32(pointer, index, true);
  view.setUint32(pointer + 4, payload >>> 0, true);
  return code;
}

/** Gives the event that there is, or says that there is none. */
export function pollSet(cx: AbiContext, index: number, pointer: number): number {
  return storeEvent(cx, pointer, setAt(cx.state, index).takeEvent());
}

/** Waits for an event where the guest stands. */
export function waitForSet(cx: AbiContext, index: number, pointer: number): number | Promise<number> {
  const set = setAt(cx.state, index);
  if (set.hasEvent) return pollSet(cx, index, pointer);
  checkMayBlock(cx.state);
  return waitOnSet(cx.state, set).then((event) => storeEvent(cx, pointer, event));
}
