/**
 * What is left of each limit, in memory: one count per key, and the key says whose and under which rule. Counts end with the process; the
 * lockdown claims say so. When there are too many keys to remember, a new one is refused, because forgetting would refill a spent budget.
 */

import type { Position, RateLimit } from '../policy/policy.ts';
import { decideRate, type RateState } from '../policy/rate.ts';

/** Whether the cost was taken, and if not, when to come again; null: never, the cost is more than the whole limit. */
export type BudgetVerdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfterSeconds: number | null };

export interface Budget {
  /** Takes a cost in the limit's unit, or takes nothing and refuses. */
  take(key: string, limit: RateLimit, cost: number, now: Date): BudgetVerdict;
  /** Tells how much could be taken now. */
  remaining(key: string, limit: RateLimit, now: Date): number;
  /** Takes what was used already, at most all that is left. */
  charge(key: string, limit: RateLimit, cost: number, now: Date): void;
}

/** Names a budget: one owner's rule, and whom it counts for. Parts are joined by a character that none of them can hold. */
export function budgetKey(owner: string, rule: string, subject: string): string {
  return [owner, rule, subject].map((part) => part.replaceAll('\0', '')).join('\0');
}

/** Names a rule by its place; with the column, because two rules on one line must not share a budget. */
export function formatPosition({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}

interface Entry {
  readonly limit: RateLimit;
  readonly state: RateState;
}

/** A count is about 300 bytes: 30 MB at most. */
export const MAX_BUDGETS = 100_000;

/** Opens budgets that are all full. */
export function openBudget(maxKeys: number): Budget {
  const entries = new Map<string, Entry>();

  function sweep(nowMs: number): void {
    for (const [key, { limit, state }] of entries) {
      if (decideRate(state, limit, 0, nowMs).state.debt === 0) entries.delete(key);
    }
  }

  function hasRoom(key: string, nowMs: number): boolean {
    if (entries.has(key) || entries.size < maxKeys) return true;
    sweep(nowMs);
    return entries.size < maxKeys;
  }

  function remaining(key: string, limit: RateLimit, now: Date): number {
    const { state } = decideRate(entries.get(key)?.state ?? null, limit, 0, now.getTime());
    return Math.floor(limit.amount - state.debt / (limit.windowSeconds * 1000));
  }

  return {
    take(key, limit, cost, now) {
      if (!hasRoom(key, now.getTime())) return { allowed: false, retryAfterSeconds: 1 };
      const { allowed, retryAfterMs, state } = decideRate(entries.get(key)?.state ?? null, limit, cost, now.getTime());
      entries.set(key, { limit, state });
      if (allowed) return { allowed };
      return { allowed, retryAfterSeconds: retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000) };
    },
    remaining,
    charge(key, limit, cost, now) {
      const taken = Math.min(cost, remaining(key, limit, now));
      if (taken <= 0 || !hasRoom(key, now.getTime())) return;
      const { state } = decideRate(entries.get(key)?.state ?? null, limit, taken, now.getTime());
      entries.set(key, { limit, state });
    },
  };
}
