/**
 * What is left of each limit: one count per key, and the key says whose and under which rule. Where counts are kept beyond the process is the
 * ledger's business. When there are too many keys to remember, a new one is refused, because forgetting would refill a spent budget.
 */
import { formatConnection } from '../policy/connection.ts';
import { formatPathPattern } from '../policy/path.ts';
import type { ConnectionRule, EgressRule, QueryRule, RateLimit } from '../policy/policy.ts';
import { formatRate } from '../policy/quantity.ts';
import { decideRate, type RateState } from '../policy/rate.ts';
import { formatTargetPattern } from '../policy/target.ts';

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

type LimitedRule = QueryRule | EgressRule | ConnectionRule;

const ruleNames = new WeakMap<LimitedRule, string>();

function writeRule(rule: LimitedRule): string {
  const limit = rule.limit === null ? '' : formatRate(rule.limit);
  if ('allow' in rule) return `${rule.allow.join(',')} ${rule.method} ${formatPathPattern(rule.path)} ${limit}`;
  if ('methods' in rule) return `${rule.methods.join(',')} ${formatTargetPattern(rule)} ${limit}`;
  return `${formatConnection(rule)} ${limit}`;
}

/**
 * Names a rule by what it says, and not by its place: a comment more, or another name of the file, would refill its budget, and neither is
 * under the digest that owners and clients know.
 */
export function nameRule(rule: LimitedRule): string {
  const name = ruleNames.get(rule) ?? writeRule(rule);
  ruleNames.set(rule, name);
  return name;
}

/** What is known of one budget. */
export interface BudgetEntry {
  readonly limit: RateLimit;
  readonly state: RateState;
}

/** What keeps counts beyond the process. */
export interface Ledger {
  /** What earlier runs left. */
  readonly kept: ReadonlyMap<string, BudgetEntry>;
  /** Keeps what is taken, before it counts; when this throws, nothing is taken. */
  note(key: string, entry: BudgetEntry): void;
  /** Drops budgets that are full again. */
  drop(keys: readonly string[]): void;
}

/** Keeps nothing: counts end with the process, and the lockdown claims say so. */
const NO_LEDGER: Ledger = { kept: new Map(), note: () => undefined, drop: () => undefined };

/** A count is about 300 bytes: 30 MB at most. */
export const MAX_BUDGETS = 100_000;

/** Opens budgets that are all full, and end with the process. */
export function openBudget(maxKeys: number): Budget {
  return openKeptBudget(maxKeys, NO_LEDGER);
}

/** Opens budgets as the ledger kept them. */
export function openKeptBudget(maxKeys: number, ledger: Ledger): Budget {
  const entries = new Map<string, BudgetEntry>(ledger.kept);

  function sweep(nowMs: number): void {
    const full: string[] = [];
    for (const [key, { limit, state }] of entries) {
      if (decideRate(state, limit, 0, nowMs).state.debt === 0) full.push(key);
    }
    ledger.drop(full);
    for (const key of full) entries.delete(key);
  }

  function hasRoom(key: string, nowMs: number): boolean {
    if (entries.has(key) || entries.size < maxKeys) return true;
    sweep(nowMs);
    return entries.size < maxKeys;
  }

  function keep(key: string, entry: BudgetEntry): void {
    ledger.note(key, entry);
    entries.set(key, entry);
  }

  function remaining(key: string, limit: RateLimit, now: Date): number {
    const { state } = decideRate(entries.get(key)?.state ?? null, limit, 0, now.getTime());
    return Math.floor(limit.amount - state.debt / (limit.windowSeconds * 1000));
  }

  return {
    take(key, limit, cost, now) {
      if (!hasRoom(key, now.getTime())) return { allowed: false, retryAfterSeconds: 1 };
      const { allowed, retryAfterMs, state } = decideRate(entries.get(key)?.state ?? null, limit, cost, now.getTime());
      keep(key, { limit, state });
      if (allowed) return { allowed };
      return { allowed, retryAfterSeconds: retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000) };
    },
    remaining,
    charge(key, limit, cost, now) {
      const taken = Math.min(cost, remaining(key, limit, now));
      if (taken <= 0 || !hasRoom(key, now.getTime())) return;
      const { state } = decideRate(entries.get(key)?.state ?? null, limit, taken, now.getTime());
      keep(key, { limit, state });
    },
  };
}
