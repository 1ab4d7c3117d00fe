/** What one component instance's lifting and lowering share: its handles, one memory and its allocator, and what it may do just now. */
import type { GuestMemory } from './guest-memory.ts';
import type { Handle, HandleTable } from './handle-table.ts';
import { type Fate, GuestTrap } from './trap.ts';

/** State of one component instance. */
export interface InstanceState extends Fate {
  readonly handles: HandleTable;
  /** True when its call is over: a guest that still waits for something is never woken. */
  over: boolean;
  /** Handles lent to the host function that is running. */
  readonly lent: Handle[];
  /** Handles that left the table for a host function which has not begun. */
  readonly taken: Handle[];
  /** Bytes and items that lists and strings may still bring to the host in this call: a list can name the same bytes many times. */
  liftLeft: number;
}

/** A state with the memory that one canonical function was given. */
export interface AbiContext {
  readonly state: InstanceState;
  readonly memory: GuestMemory;
}

/** What a call may bring to the host in lists and strings: the largest body, and half as much again. */
export const LIFT_BUDGET: number = 96 * 1024 * 1024;

/** Takes from the budget of what a call may lift. */
export function spendLift(state: InstanceState, amount: number): void {
  state.liftLeft -= amount;
  if (state.liftLeft < 0) throw new GuestTrap('lists and strings are too large together');
}
