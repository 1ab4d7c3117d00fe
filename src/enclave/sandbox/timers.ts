/** Time for what the gate decides about function processes: pauses, deadlines, windows. It comes in as an argument, so that tests take none. */

export interface Timers {
  /** Milliseconds since any moment; never goes back. */
  now(): number;
  /** Runs something once, after at least `ms`; what it gives calls that off. */
  after(ms: number, run: () => void): () => void;
}

/** The process's own time. */
export const SYSTEM_TIMERS: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
