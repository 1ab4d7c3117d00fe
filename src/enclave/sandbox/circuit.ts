/**
 * Decides whether calls are let through to something that keeps dying: after some deaths within a window it is open and lets none through;
 * after a pause one call may try, and closes it when the process lives through it. Pure: time comes in, in milliseconds.
 */

/** All counts and times of a circuit. */
export interface CircuitLimits {
  /** Deaths within the window that open it. */
  readonly deaths: number;
  readonly windowMs: number;
  /** Pause before a call may try, and between tries. */
  readonly pauseMs: number;
}

export interface Circuit {
  /** Tells how long a call would have to wait, in milliseconds; 0 when it may go on. */
  waitMs(now: number): number;
  /** Lets a call go on and gives 0, or how long to wait; while it is open, what goes on is the try of this pause. */
  admit(now: number): number;
  /** Counts a death. */
  died(now: number): void;
  /** Notes that a call ended and left its process alive. */
  lived(): void;
  /** Tells whether calls are held back. */
  isOpen(): boolean;
  /** Deaths within the window. */
  recent(now: number): number;
}

/** Opens a circuit, closed at first; it keeps the times of no more deaths than open it. */
export function openCircuit({ deaths, windowMs, pauseMs }: CircuitLimits): Circuit {
  let times: readonly number[] = [];
  /** When the next call may try; null while closed. */
  let tryAt: number | null = null;
  let tried = false;

  const recent = (now: number): readonly number[] => times.filter((time) => now - time < windowMs);
  const waitMs = (now: number): number => (tryAt === null ? 0 : Math.max(0, tryAt - now));
  return {
    waitMs,
    admit(now) {
      const wait = waitMs(now);
      if (tryAt === null || wait > 0) return wait;
      // The others wait for another pause: one that never ends must not keep the circuit open for ever.
      tryAt = now + pauseMs;
      tried = true;
      return 0;
    },
    died(now) {
      times = [...recent(now), now].slice(-deaths);
      if (tryAt === null && times.length < deaths) return;
      tryAt = now + pauseMs;
      tried = false;
    },
    lived() {
      // A call that was under way when it opened says nothing about what opened it.
      if (!tried) return;
      tryAt = null;
      tried = false;
      times = [];
    },
    isOpen: () => tryAt !== null,
    recent: (now) => recent(now).length,
  };
}
