/**
 * Ends a call whose process has used more processor time since the call began than the call may. The calls of one process share a thread, so what
 * it used is the most that one of them can have used: no call gets more, and one that waits long beside busy ones is charged for them.
 */
import type { Timers } from './timers.ts';

/** The kernel counts in steps of 10 ms, so looking more often shows nothing new. */
const STEP_MS = 10;

/** Watches until called off; looks no earlier than the time can be used up. Where the machine does not count, all time counts as used. */
export function watchProcessor(
  timers: Timers,
  usedMs: () => number | null,
  budgetMs: number,
  end: () => void,
): () => void {
  const before = usedMs();
  const leftMs = (): number => {
    const now = usedMs();
    return before === null || now === null ? 0 : budgetMs - (now - before);
  };
  let callOff = (): void => undefined;
  const lookIn = (ms: number): void => {
    callOff = timers.after(ms, () => {
      const left = leftMs();
      if (left <= 0) end();
      else lookIn(Math.max(left, STEP_MS));
    });
  };
  lookIn(budgetMs);
  return () => callOff();
}
