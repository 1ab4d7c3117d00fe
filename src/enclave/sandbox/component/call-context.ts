/** What one component instance's lifting and lowering share: its handles, one memory and its allocator, and what it may do just now. */
import type { GuestMemory } from './guest-memory.ts';
import type { Handle, HandleTable } from './handle-table.ts';
import { GuestTrap } from './trap.ts';

/** State of one component instance. */
export interface InstanceState {
  readonly handles: HandleTable;
  /** False while the host is inside the guest's allocator or clean-up, where the guest must not call out. */
  mayLeave: boolean;
  /** Handles lent to the host function that is running. */
  readonly lent: Handle[];
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
