/**
 * Waitables and the sets that a guest waits on: a waitable has at most one event that its guest was not told of yet, and a later one takes
 * its place. [Component Model CanonicalABI.md, Waitable State]
 */
import type { InstanceState } from '../call-context.ts';
import { GuestTrap } from '../trap.ts';

/** Codes of events, as the canonical ABI numbers them. */
export const EVENT = { none: 0, subtask: 1, streamRead: 2, streamWrite: 3, futureRead: 4, futureWrite: 5 } as const;

/** What a guest is told: what happened, to which of its handles, and how. */
export type GuestEvent = readonly [code: number, index: number, payload: number];

/** Nothing happened. */
export const NO_EVENT: GuestEvent = [EVENT.none, 0, 0];

/** Something that a guest can wait for. */
export class Waitable {
  readonly state: InstanceState;
  #set: WaitableSet | null = null;
  #event: (() => GuestEvent) | null = null;
  /** True while a call of the guest waits for this very thing, so that nobody else may. */
  hasSyncWaiter = false;

  constructor(state: InstanceState) {
    this.state = state;
  }

  get isInSet(): boolean {
    return this.#set !== null;
  }

  get hasEvent(): boolean {
    return this.#event !== null;
  }

  /** Sets what the guest is told next; how far it went is worked out when the guest asks. */
  setEvent(event: () => GuestEvent): void {
    this.#event = event;
    this.#set?.ready.add(this);
    this.state.wake?.();
  }

  /** Takes the event; only where there is one. */
  takeEvent(): GuestEvent {
    const event = this.#event;
    if (event === null) throw new TypeError('there is no event to take');
    this.#event = null;
    this.#set?.ready.delete(this);
    return event();
  }

  /** Moves into a set, or out of the one that it is in. */
  join(set: WaitableSet | null): void {
    if (this.hasSyncWaiter) throw new GuestTrap('a call already waits for this');
    this.#set?.members.delete(this);
    this.#set?.ready.delete(this);
    this.#set = set;
    set?.members.add(this);
    if (set === null || this.#event === null) return;
    set.ready.add(this);
    this.state.wake?.();
  }
}

/** Waitables that are waited for together. */
export class WaitableSet {
  readonly members: Set<Waitable> = new Set();
  /** Those with an event, in the order in which it came: none is passed over for ever. */
  readonly ready: Set<Waitable> = new Set();
  /** Calls that wait on it. */
  waiting = 0;

  get hasEvent(): boolean {
    return this.ready.size > 0;
  }

  /** Takes the oldest event, or gives that there is none. */
  takeEvent(): GuestEvent {
    for (const waitable of this.ready) return waitable.takeEvent();
    return NO_EVENT;
  }

  /** Refuses to go while anything is in it or waits on it. */
  checkUnused(): void {
    if (this.members.size > 0) throw new GuestTrap('a waitable set is dropped with something in it');
    if (this.waiting > 0) throw new GuestTrap('a waitable set is dropped while a call waits on it');
  }
}
