/**
 * Whether all owners together let a function know a name's addresses, and what that takes from their limits: a name is seen by DNS, so asking
 * for it is a way out, too. Pure but for the budgets; resolves nothing. [RFC 1035 4.2.1]
 */
import { decideLookupForAll } from '../policy/combine.ts';
import type { LookupDecision } from '../policy/decide-connection.ts';
import type { Position, RateLimit } from '../policy/policy.ts';
import { type Budget, budgetKey, nameRule } from './budget.ts';
import type { ConnectionRefusal, Deciders } from './connection-grant.ts';

/** A name as it was judged, and to whom what follows is laid. */
export interface LookupGrant {
  readonly name: string;
  readonly owner: string;
  readonly at: Position;
  /** Each owner with the rules that name it: one of them has to bear the lookup. */
  readonly decisions: readonly LookupDecision[];
}

/** Asks every owner whether the function may know a name's addresses; the first who refuses decides. */
export function grantLookup(
  { policies, functionDigest }: Deciders,
  name: string,
  now: Date,
): LookupGrant | ConnectionRefusal {
  const { outcome, owner, at, code, decisions } = decideLookupForAll(policies, { functionDigest, name, now });
  const [first] = decisions;
  return outcome !== 'allow' || first === undefined || first.name === null
    ? { reason: code ?? 'ERR_POLICY_DENIED_EGRESS', owner, at }
    : { name: first.name, owner: first.owner, at: first.at, decisions };
}

/** What a lookup takes from a limit in bytes: the most that a plain DNS message has. */
const LOOKUP_BYTES = 512;

interface Cost {
  readonly key: string;
  readonly limit: RateLimit;
  readonly amount: number;
}

/** Gives what a lookup costs each rule that names it; a rule without a limit bears it for nothing. */
function costsOf({ owner, rules }: LookupDecision): readonly (Cost | 'nothing')[] {
  return rules.map((rule) => {
    const { limit } = rule;
    if (limit === null) return 'nothing';
    const isCalls = limit.unit === 'calls';
    // A limit in connections is one in lookups, too, but with a count of its own: no connection shall cost two because it had a name.
    const key = budgetKey(owner, nameRule(rule), isCalls ? 'lookup' : 'egress');
    return { key, limit, amount: isCalls ? 1 : LOOKUP_BYTES };
  });
}

/** Takes one lookup of each owner, from the first of the rules that can bear it; from nobody when one owner has none. */
export function spendLookup(budget: Budget, { decisions }: LookupGrant, now: Date): ConnectionRefusal | null {
  const chosen = decisions.map((decision) => ({
    decision,
    cost: costsOf(decision).find(
      (cost) => cost === 'nothing' || budget.remaining(cost.key, cost.limit, now) >= cost.amount,
    ),
  }));
  const refused =
    chosen.find(({ cost }) => cost === undefined) ??
    chosen.find(
      ({ cost }) =>
        cost !== undefined && cost !== 'nothing' && !budget.take(cost.key, cost.limit, cost.amount, now).allowed,
    );
  if (refused === undefined) return null;
  const { owner, at } = refused.decision;
  return { reason: 'ERR_POLICY_DENIED_LIMIT', owner, at };
}
