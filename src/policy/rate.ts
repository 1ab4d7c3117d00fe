/**
 * Counts use against a limit: the generic cell rate algorithm as a leaky bucket in whole numbers, so that nothing is lost to rounding.
 * A full budget may be used at once and comes back evenly over the window. Pure: where the state is kept is the caller's business.
 */
import type { RateLimit } from './policy.ts';

/** What is used up: `debt` is in units times milliseconds, and drains by `amount` each millisecond. */
export interface RateState {
  readonly atMs: number;
  readonly debt: number;
}

export interface RateDecision {
  /** The state to keep; unchanged use when refused. */
  readonly state: RateState;
  readonly allowed: boolean;
  /** When the same cost would be allowed; 0 when it is now, null when it never will because it is more than the whole limit. */
  readonly retryAfterMs: number | null;
}

/**
 * Decides whether `cost` calls or bytes fit into the limit now; `state` is null at first use. A clock that went back frees nothing and
 * locks nobody out: time then stands still until the next step forward. [ITU-T I.371 annex A]
 */
export function decideRate(state: RateState | null, limit: RateLimit, cost: number, nowMs: number): RateDecision {
  const windowMs = limit.windowSeconds * 1000;
  const full = limit.amount * windowMs;
  const elapsedMs = state === null ? 0 : Math.max(0, nowMs - state.atMs);
  const debt = state === null ? 0 : Math.min(full, Math.max(0, state.debt - elapsedMs * limit.amount));
  // A cost that is no whole number of units cannot be counted, so it is not allowed.
  if (!Number.isSafeInteger(cost) || cost < 0 || cost > limit.amount)
    return { state: { atMs: nowMs, debt }, allowed: false, retryAfterMs: null };
  const after = debt + cost * windowMs;
  if (after <= full) return { state: { atMs: nowMs, debt: after }, allowed: true, retryAfterMs: 0 };
  return { state: { atMs: nowMs, debt }, allowed: false, retryAfterMs: Math.ceil((after - full) / limit.amount) };
}
