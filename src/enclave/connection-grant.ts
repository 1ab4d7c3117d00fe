/**
 * What all owners together allow a function's sockets to do, and what that takes from their limits. Pure but for the budgets: nothing is
 * resolved, connected or written down here.
 */
import type { DigestText } from '../base/digest.ts';
import { decideConnectionForAll } from '../policy/combine.ts';
import type { ConnectionRule, OwnerPolicy, Position, RateLimit } from '../policy/policy.ts';
import { type Budget, budgetKey, nameRule } from './budget.ts';

/** Whom a refusal is laid to, and the reason for the log. */
export interface ConnectionRefusal {
  readonly reason: string;
  readonly owner: string;
  readonly at: Position;
}

/** One owner's rule that allows the connection. */
export interface ConnectionGrant {
  readonly owner: string;
  readonly rule: ConnectionRule;
}

/** The rules of all owners; there is at least one, because nobody's consent is no permission. */
export type ConnectionGrants = readonly [ConnectionGrant, ...ConnectionGrant[]];

/** Who decides, for which code. */
export interface Deciders {
  readonly policies: readonly OwnerPolicy[];
  readonly functionDigest: DigestText;
}

/** Asks every owner for a rule that allows the connection; the first who refuses decides. */
export function grantConnection(
  { policies, functionDigest }: Deciders,
  url: string,
  now: Date,
): ConnectionGrants | ConnectionRefusal {
  const all = decideConnectionForAll(policies, { functionDigest, url, now });
  const grants = all.decisions.flatMap(({ owner, rule }) => (rule === null ? [] : [{ owner, rule }]));
  const [first, ...rest] = grants;
  const whole = all.outcome === 'allow' && first !== undefined && grants.length === policies.length;
  return whole ? [first, ...rest] : { reason: all.code ?? 'ERR_POLICY_DENIED_EGRESS', owner: all.owner, at: all.at };
}

interface Limited extends ConnectionGrant {
  readonly key: string;
  readonly limit: RateLimit;
}

/** A rule's limit is one for all functions that use the rule. */
function limitsOf(grants: readonly ConnectionGrant[], unit: RateLimit['unit']): readonly Limited[] {
  return grants.flatMap(({ owner, rule }) => {
    const key = budgetKey(owner, nameRule(rule), 'egress');
    return rule.limit === null || rule.limit.unit !== unit ? [] : [{ owner, rule, key, limit: rule.limit }];
  });
}

/** Takes a cost from all limits or from none, and gives the first that refuses: a refusal by the second owner shall not cost the first. */
function takeAll(budget: Budget, limited: readonly Limited[], cost: number, now: Date): Limited | null {
  return (
    limited.find(({ key, limit }) => budget.remaining(key, limit, now) < cost) ??
    limited.find(({ key, limit }) => !budget.take(key, limit, cost, now).allowed) ??
    null
  );
}

/** Takes one connection from the limits in connections; refuses, too, where a limit in bytes has nothing left. */
export function spendConnection(budget: Budget, grants: ConnectionGrants, now: Date): ConnectionRefusal | null {
  const empty = limitsOf(grants, 'bytes').find(({ key, limit }) => budget.remaining(key, limit, now) < 1);
  const refused = empty ?? takeAll(budget, limitsOf(grants, 'calls'), 1, now);
  if (refused === null) return null;
  return { reason: 'ERR_POLICY_DENIED_LIMIT', owner: refused.owner, at: refused.rule.at };
}

/** Takes bytes of either direction from the limits in bytes, before they go on; false when one of them is used up. */
export function spendBytes(budget: Budget, grants: ConnectionGrants, bytes: number, now: Date): boolean {
  return takeAll(budget, limitsOf(grants, 'bytes'), bytes, now) === null;
}
