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
  /** Gives 0 when a call may go on; otherwise how long to wait, in milliseconds. */
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
  return {
    admit(now) {
      if (tryAt === null) return 0;
      if (now < tryAt) return tryAt - now;
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
