/** What one component instance's lifting and lowering share: its handles, one memory and its allocator, and what it may do just now. */
import type { Task } from './async/task.ts';
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
  /** Host functions whose promise a guest waits for, and that have not settled. */
  pending: number;
  /** Wakes the guest that waits; null while none does. */
  wake: (() => void) | null;
  /** Whether what runs may wait. */
  mayBlock: boolean;
  /** The asynchronous call that is under way. */
  task: Task | null;
  /** Two numbers that a guest keeps for its call. */
  readonly storage: [number, number];
  /** How many times the guest asked for no further calls. */
  backpressure: number;
  /** Ends of streams and futures in its table, and calls of the host under way. */
  ends: number;
  subtasks: number;
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
