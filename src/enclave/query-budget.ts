/** What one query takes from limits: one call from one rule of each owner, or nothing at all. */
import type { CombinedDecision } from '../policy/combine.ts';
import type { QueryDecision } from '../policy/decide.ts';
import type { Decision, Position, RateLimit } from '../policy/policy.ts';
import type { Asker } from './asker.ts';
import { type Budget, type BudgetVerdict, budgetKey, nameRule } from './budget.ts';

function waitOf(verdict: BudgetVerdict, limit: RateLimit): number {
  return verdict.allowed ? 0 : (verdict.retryAfterSeconds ?? limit.windowSeconds);
}

/** Takes the query from the budget of one rule per owner, or from none; gives the owner and the wait when one has none left. */
export function takeQueryBudget(
  budget: Budget,
  decision: CombinedDecision<QueryDecision>,
  asker: Asker,
  now: Date,
): { readonly denial: Decision; readonly waitSeconds: number } | null {
  const refuse = (owner: string, at: Position, waitSeconds: number): { denial: Decision; waitSeconds: number } => {
    const reason = `${owner} lets this caller ask no more often for now.`;
    const hint = `Wait ${waitSeconds} seconds, or ask ${owner} for a higher limit.`;
    return { denial: { outcome: 'deny', owner, at, code: 'ERR_POLICY_DENIED_LIMIT', reason, hint }, waitSeconds };
  };
  const charges: { owner: string; at: Position; key: string; limit: RateLimit }[] = [];
  // First look at all, then take from all: a refusal by the second owner shall not cost the first.
  for (const { rules, owner, at } of decision.decisions) {
    const proven = asker.owners.find(({ policy }) => policy.owner === owner)?.proven ?? [];
    const limited = rules.flatMap((rule) => {
      const subject = proven.find((caller) => rule.allow.includes(caller.name))?.id ?? '';
      const key = budgetKey(owner, nameRule(rule), subject);
      return rule.limit === null ? [] : [{ owner, at: rule.at, key, limit: rule.limit }];
    });
    if (limited.length < rules.length) continue;
    const open = limited.find(({ key, limit }) => budget.remaining(key, limit, now) >= 1);
    if (open === undefined) {
      const waits = limited.map(({ key, limit }) => waitOf(budget.take(key, limit, 1, now), limit));
      return refuse(owner, limited[0]?.at ?? at, Math.min(...waits));
    }
    charges.push(open);
  }
  for (const { owner, at, key, limit } of charges) {
    const verdict = budget.take(key, limit, 1, now);
    if (!verdict.allowed) return refuse(owner, at, waitOf(verdict, limit));
  }
  return null;
}
