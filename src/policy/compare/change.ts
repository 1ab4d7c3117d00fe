/** One difference between two policies: what one of them allows and the other refuses, in plain English, with a question that shows it. */
import type { CanonicalPolicy } from '../canonical.ts';
import type { Decision, OwnerPolicy, Position } from '../policy.ts';

/** A question that the two files answer differently, and what the other file says to it; null where none says more than the clause. */
type Shown =
  | { readonly example: string; readonly refusal: string }
  | { readonly example: null; readonly refusal: null };

export type Change = Shown & {
  readonly section: keyof CanonicalPolicy;
  readonly owner: string;
  /** The rule that allows it, in the file that does. */
  readonly at: Position;
  /** What is allowed, as a clause: `analysts ask POST /risk-score`. */
  readonly allows: string;
  /** False where the language cannot say that the other file allows all of it, and so it counts as refused there. */
  readonly certain: boolean;
};

/** The two files, seen from the one of which is asked what it allows beyond the other. */
export interface Pair {
  readonly policy: OwnerPolicy;
  readonly other: OwnerPolicy;
  /** An instant for examples: both are in force, unless they never are together. */
  readonly now: Date;
}

/** Makes changes of one section. */
export type Compare = (pair: Pair) => readonly Change[];

/** Makes a change; whatever has an example is certain. */
export function change(
  { policy }: Pair,
  section: Change['section'],
  at: Position,
  allows: string,
  more: { readonly certain?: boolean } | Extract<Shown, { readonly example: string }> = {},
): Change {
  return { section, owner: policy.owner, at, allows, example: null, refusal: null, certain: true, ...more };
}

/** Asks both files the example, and gives what the other one says. Whoever compares wrongly must not be believed. */
export function refusalOf(example: string, own: Decision, other: Decision): string {
  if (own.outcome === 'allow' && other.outcome === 'deny') return other.reason;
  throw new Error(`the comparison of two policies contradicts their decisions: ${example}`);
}
