/**
 * The circuits of one function: one for each caller whose calls ended processes, and one for all. A death is a caller's when no other
 * caller had a call in the process; a caller counts once towards the circuit of all, so that none can close a function to the others alone.
 */
import { type Circuit, type CircuitLimits, openCircuit } from './circuit.ts';

export interface CircuitsLimits {
  readonly caller: CircuitLimits;
  readonly all: CircuitLimits;
  /** Callers that are remembered, those with the latest deaths. */
  readonly callers: number;
}

/** Who is held back: one caller, or all. */
export type HeldBack = { readonly who: 'caller' | 'all'; readonly waitMs: number };

export interface Circuits {
  /** Gives null when the caller may go on. */
  admit(caller: string, now: number): HeldBack | null;
  /** Counts the death of a process in which these callers had calls. */
  died(callers: ReadonlySet<string>, now: number): void;
  /** Notes that a call of this caller ended and left its process alive. */
  lived(caller: string): void;
}

/**
 * Three deaths in a minute hold a caller back, five in a minute all of them, for ten seconds each time: enough that a function that is
 * broken costs a start every ten seconds, little enough that one that was mended is back before anyone looks.
 */
export const CIRCUITS_LIMITS: CircuitsLimits = {
  caller: { deaths: 3, windowMs: 60_000, pauseMs: 10_000 },
  all: { deaths: 5, windowMs: 60_000, pauseMs: 10_000 },
  callers: 1024,
};

/** Opens the circuits of one function; `onChange` hears when the one for all opens and closes, once each. */
export function openCircuits(limits: CircuitsLimits, onChange: (isOpen: boolean) => void): Circuits {
  const all = openCircuit(limits.all);
  const ofCallers = new Map<string, Circuit>();
  let wasOpen = false;

  function tell(): void {
    if (all.isOpen() === wasOpen) return;
    wasOpen = !wasOpen;
    onChange(wasOpen);
  }

  /** Counts a death against one caller; tells whether it is the caller's first in the window. */
  function charge(caller: string, now: number): boolean {
    const circuit = ofCallers.get(caller) ?? openCircuit(limits.caller);
    const isFirst = circuit.recent(now) === 0;
    circuit.died(now);
    ofCallers.delete(caller);
    ofCallers.set(caller, circuit);
    const [oldest] = ofCallers.keys();
    if (ofCallers.size > limits.callers && oldest !== undefined) ofCallers.delete(oldest);
    return isFirst;
  }

  return {
    admit(caller, now) {
      const own = ofCallers.get(caller);
      // First look at both: a call that one of them holds back shall not be the try of the other.
      const callerMs = own?.waitMs(now) ?? 0;
      if (callerMs > 0) return { who: 'caller', waitMs: callerMs };
      const allMs = all.waitMs(now);
      if (allMs > 0) return { who: 'all', waitMs: allMs };
      own?.admit(now);
      all.admit(now);
      return null;
    },
    died(callers, now) {
      const [only] = callers;
      if (callers.size === 1 && only !== undefined && !charge(only, now)) return;
      all.died(now);
      tell();
    },
    lived(caller) {
      if (ofCallers.size > 0) {
        const circuit = ofCallers.get(caller);
        circuit?.lived();
      }
      all.lived();
      tell();
    },
  };
}
