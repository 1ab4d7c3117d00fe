/** Time that passes only when a test says so. */
import type { Timers } from '../../../src/enclave/sandbox/timers.ts';

export interface ManualTimers extends Timers {
  /** Lets time pass, and runs what falls due, in order. */
  advance(ms: number): void;
  /** What is planned, in milliseconds from now. */
  planned(): readonly number[];
}

export function manualTimers(): ManualTimers {
  let now = 0;
  const due = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    after(ms, run) {
      const entry = { at: now + ms, run };
      due.add(entry);
      return () => due.delete(entry);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...due].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        due.delete(next);
        now = next.at;
        next.run();
      }
      now = end;
    },
    planned: () => [...due].map(({ at }) => at - now).toSorted((a, b) => a - b),
  };
}
