/** What the doctor says about one thing: a sentence, a state, and what to do. Nothing here decides trust: whoever can lie to the doctor is appraised by clients. */
import type { MachineView } from './machine-view.ts';

/** `unknown` where it cannot be seen from here; only `missing` is known to stand in the way. */
export type DoctorState = 'ok' | 'missing' | 'unknown';

export interface Finding {
  readonly state: DoctorState;
  /** One sentence. */
  readonly says: string;
  /** What to do about it; null where there is nothing to do. */
  readonly hint: string | null;
}

/** One thing to look at. */
export interface DoctorCheck {
  readonly id: string;
  readonly look: (view: MachineView) => Finding | Promise<Finding>;
}

/** Says that something is as it should be. */
export function ok(says: string): Finding {
  return { state: 'ok', says, hint: null };
}

/** Says that something stands in the way. */
export function missing(says: string, hint: string): Finding {
  return { state: 'missing', says, hint };
}

/** Says that something cannot be seen. */
export function unknown(says: string, hint: string): Finding {
  return { state: 'unknown', says, hint };
}
