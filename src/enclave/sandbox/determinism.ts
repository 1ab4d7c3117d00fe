/** What makes workers agree on a function's answers; docs/decisions/0010-deterministic-mode.md says what is promised and what is not. */

/** How a function is run where several workers must give the same answer. */
export interface Determinism {
  /** Instructions that one call may take, roughly; a call that needs more ends as a trap, on every worker at the same place. */
  readonly gas: number;
}
