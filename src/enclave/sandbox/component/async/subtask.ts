/**
 * A call of the host that a guest does not wait for in place: it gets a handle, and an event when there is a result. [Component Model CanonicalABI.md,
 * Subtask State]
 */
import { LIMITS } from '../../../../base/limits.ts';
import type { InstanceState } from '../call-context.ts';
import type { Handle, HandleKind } from '../handle-table.ts';
import { GuestTrap } from '../trap.ts';
import { EVENT, type GuestEvent, Waitable } from './waitable.ts';

const KIND: HandleKind = { of: 'async', name: 'subtask' };

/** How far a call is, as the canonical ABI numbers it; those of a host have started when their guest hears of them. */
export const SUBTASK = { started: 1, returned: 2, cancelledBeforeReturned: 4 } as const;
type Progress = (typeof SUBTASK)[keyof typeof SUBTASK];

const CANCELS = new WeakMap<Promise<unknown>, () => void>();

/** Says what makes the host let a call go before its result is there; without that its result is lost when it comes. */
export function whenCancelled<T>(result: Promise<T>, run: () => void): Promise<T> {
  CANCELS.set(result, run);
  return result;
}

export class Subtask extends Waitable {
  readonly #lenders: readonly Handle[];
  readonly #result: Promise<unknown>;
  #progress: Progress = SUBTASK.started;
  #isDelivered = false;
  index = 0;

  /** `lenders` are the handles that the call has borrowed. */
  constructor(state: InstanceState, lenders: readonly Handle[], result: Promise<unknown>) {
    super(state);
    this.#lenders = lenders;
    this.#result = result;
  }

  get isResolved(): boolean {
    return this.#progress !== SUBTASK.started;
  }

  /** True once the guest was told. */
  get isDelivered(): boolean {
    return this.#isDelivered;
  }

  resolve(progress: Progress): void {
    this.#progress = progress;
    this.setEvent(() => this.#deliver());
  }

  cancel(): void {
    CANCELS.get(this.#result)?.();
    this.resolve(SUBTASK.cancelledBeforeReturned);
  }

  #deliver(): GuestEvent {
    this.#isDelivered = true;
    for (const handle of this.#lenders) handle.lent -= 1;
    return [EVENT.subtask, this.index, this.#progress];
  }
}

/** Gives a call its handle. */
export function addSubtask(state: InstanceState, subtask: Subtask): number {
  if (state.subtasks >= LIMITS.guestSubtasks) throw new GuestTrap(`more than ${LIMITS.guestSubtasks} calls under way`);
  state.subtasks += 1;
  subtask.index = state.handles.add(KIND, subtask);
  return subtask.index;
}

/** Drops the handle of a call whose guest was told of its end. */
export function dropSubtask(state: InstanceState, index: number): void {
  const subtask = state.handles.remove(index, KIND).representation as Subtask;
  if (!subtask.isDelivered) throw new GuestTrap('a call is dropped before its end');
  subtask.join(null);
  state.subtasks -= 1;
}

/** Gives a call up and says how it ended: the host never makes a guest wait for that, and lets its result go. */
export function cancelSubtask(state: InstanceState, index: number): number {
  const subtask = state.handles.get(index, KIND).representation as Subtask;
  if (subtask.isDelivered) throw new GuestTrap('a call is cancelled after its end');
  if (!subtask.isResolved) subtask.cancel();
  return subtask.takeEvent()[2];
}
