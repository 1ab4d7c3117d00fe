/**
 * What the two ends of a stream or future share: at most one copy that waits for its counterpart, and whether an end is gone. It knows
 * nothing of handles; either end may be a guest's or the host's. [Component Model CanonicalABI.md, Stream State, Future State]
 */
import { GuestTrap } from '../trap.ts';
import type { ValueType } from '../value-type.ts';
import { type CopyBuffer, isNumeric } from './copy-buffer.ts';
import { failInstance } from './wait.ts';

/** How a copy ended, as the canonical ABI numbers it. */
export const COPY = { completed: 0, dropped: 1, cancelled: 2 } as const;
export type CopyEnd = (typeof COPY)[keyof typeof COPY];

/** Who started a copy, and how it is told. */
export interface Copy {
  readonly side: 'read' | 'write';
  readonly buffer: CopyBuffer;
  /** Some items were copied and more may follow, until `release` is called. */
  progressed(release: () => void): void;
  ended(how: CopyEnd): void;
}

/** Items that are moved at once, so that what lies between two memories stays small. */
const PIECE_ITEMS = 16 * 1024;

function move(from: CopyBuffer, to: CopyBuffer): void {
  for (let left = Math.min(from.left, to.left); left > 0; ) {
    const count = Math.min(left, PIECE_ITEMS);
    to.put(from.take(count));
    left -= count;
  }
}

/** The shared part of a stream, and what a future has in common with it. */
export class SharedStream {
  readonly kind: 'stream' | 'future';
  #pending: Copy | null = null;
  #dropped = false;
  /** Is told when an end goes while no copy waits: so the host hears of it. */
  onDropped: (() => void) | null = null;

  constructor(kind: 'stream' | 'future') {
    this.kind = kind;
  }

  get isDropped(): boolean {
    return this.#dropped;
  }

  /** Items that a reader waits for just now. */
  get wanted(): number {
    return this.#pending?.side === 'read' ? this.#pending.buffer.left : 0;
  }

  /** Items that a writer offers just now. */
  get offered(): number {
    return this.#pending?.side === 'write' ? this.#pending.buffer.left : 0;
  }

  /** True when a reader waits without room for items: it wants to hear when there are some. */
  get isProbed(): boolean {
    return this.#pending?.side === 'read' && this.#pending.buffer.left === 0;
  }

  /** Tells such a reader that there are items. */
  answerProbe(): void {
    if (!this.isProbed) return;
    const pending = this.#pending;
    this.#pending = null;
    pending?.ended(COPY.completed);
  }

  /** Starts a copy: it ends at once, or waits for the other end. */
  start(copy: Copy, element: ValueType | null): void {
    const pending = this.#pending;
    if (this.#dropped) return copy.ended(COPY.dropped);
    if (pending === null) {
      this.#pending = copy;
      return;
    }
    const { owner } = copy.buffer;
    if (owner !== null && owner === pending.buffer.owner && !isNumeric(element)) {
      throw new GuestTrap('an instance copies what is no number to itself');
    }
    if (this.kind === 'future') return this.#settle(copy, pending);
    if (pending.buffer.left > 0) {
      if (copy.buffer.left > 0) {
        if (!this.#move(copy, pending)) return;
        pending.progressed(() => {
          if (this.#pending === pending) this.#pending = null;
        });
      }
      return copy.ended(COPY.completed);
    }
    // Both came to see whether the other is there: who writes is told first, and who reads goes on waiting for items.
    if (copy.side === 'write' && copy.buffer.left === 0 && pending.buffer.done === 0) return copy.ended(COPY.completed);
    this.#pending = null;
    pending.ended(COPY.completed);
    this.#pending = copy;
  }

  /** Moves what both sides have; false when the guest that waited turned out to be broken. */
  #move(copy: Copy, pending: Copy): boolean {
    try {
      if (copy.side === 'read') move(pending.buffer, copy.buffer);
      else move(copy.buffer, pending.buffer);
      return true;
    } catch (e) {
      const { owner } = pending.buffer;
      // In a call of a guest its own caller ends it; here no guest's code is running.
      if (copy.buffer.owner !== null || owner === null) throw e;
      failInstance(owner, e);
      this.#dropped = true;
      this.#pending = null;
      copy.ended(COPY.dropped);
      return false;
    }
  }

  /** A future carries one item, and both ends are done with it. */
  #settle(copy: Copy, pending: Copy): void {
    if (!this.#move(copy, pending)) return;
    this.#pending = null;
    pending.ended(COPY.completed);
    copy.ended(COPY.completed);
  }

  /** Ends the copy that waits. */
  cancel(): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.ended(COPY.cancelled);
  }

  /** Says that an end is gone; the other is told. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const pending = this.#pending;
    this.#pending = null;
    pending?.ended(COPY.dropped);
    this.onDropped?.();
  }
}
