/**
 * Holds the calls of one child to their processor time. It looks now and then at what the child has used, and shares it evenly among the calls
 * that were under way; one that has had its share is over. Where nobody can say what a child uses, all time counts: never less than it was.
 */
import type { Timers } from './timers.ts';

/** How often it looks while there are calls. */
const LOOK_MS = 25;

interface Watched {
  usedMs: number;
  readonly onOver: () => void;
}

export interface CpuWatch {
  /** Watches a call from now on; gives what ends that. `onOver` is called once, when it has used more than it may. */
  add(onOver: () => void): () => void;
}

/** Opens the watch of one child; `readMs` gives what it has used until now, or null. */
export function openCpuWatch(capMs: number, readMs: () => number | null, timers: Timers): CpuWatch {
  const calls = new Set<Watched>();
  let callOff: (() => void) | null = null;
  let before: { readonly at: number; readonly usedMs: number | null } | null = null;

  function look(): void {
    callOff = null;
    const now = { at: timers.now(), usedMs: readMs() };
    // What was used before the first look is not known, and it is no more than one look's time.
    if (before !== null) charge(now, before);
    before = now;
    lookLater();
  }

  function charge(now: NonNullable<typeof before>, last: NonNullable<typeof before>): void {
    const counted = now.usedMs !== null && last.usedMs !== null ? now.usedMs - last.usedMs : now.at - last.at;
    const shareMs = counted / calls.size;
    for (const call of [...calls]) {
      call.usedMs += shareMs;
      if (call.usedMs <= capMs) continue;
      calls.delete(call);
      call.onOver();
    }
  }

  function lookLater(): void {
    if (calls.size > 0) callOff ??= timers.after(LOOK_MS, look);
    else before = null;
  }

  return {
    add(onOver) {
      const call = { usedMs: 0, onOver };
      calls.add(call);
      lookLater();
      return () => {
        if (!calls.delete(call) || calls.size > 0) return;
        callOff?.();
        callOff = null;
        before = null;
      };
    },
  };
}
