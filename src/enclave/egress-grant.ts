/**
 * What all owners together allow a function to do with one request, and what that takes from their limits. Pure but for the budgets:
 * nothing is resolved, connected or written down here.
 */
import type { DigestText } from '../base/digest.ts';
import { decideEgressForAll } from '../policy/combine.ts';
import type { EgressRule, OwnerPolicy, Position, RateLimit } from '../policy/policy.ts';
import type { EgressTarget } from '../policy/target.ts';
import { type Budget, budgetKey, nameRule } from './budget.ts';
import type { EgressRequest } from './sandbox/sandbox.ts';

/** Why a request does not go out: the words of wasi:http for the function, a reason for the log, and the owner it is laid to. */
export interface EgressRefusal {
  readonly error: string;
  readonly reason: string;
  readonly owner: string;
  readonly at: Position;
}

/** One owner's rule that allows the request. */
export interface OwnerGrant {
  readonly owner: string;
  readonly rule: EgressRule;
}

/** What all owners allow: one rule of each, and the destination that was judged. */
export interface EgressGrant {
  readonly target: EgressTarget;
  readonly first: OwnerGrant;
  readonly rest: readonly OwnerGrant[];
}

/** Gives the rules of all owners. */
export function ownersOf(grant: EgressGrant): readonly OwnerGrant[] {
  return [grant.first, ...grant.rest];
}

/** Numbers of rules, so that a new version of a policy has new ones wherever they stand. */
const NUMBERS = new WeakMap<EgressRule, number>();
let lastNumber = 0;

function numberOf(rule: EgressRule): number {
  const known = NUMBERS.get(rule);
  if (known !== undefined) return known;
  lastNumber += 1;
  NUMBERS.set(rule, lastNumber);
  return lastNumber;
}

/** Names those who may use one connection after the other: the same function, under the very same rules of the same owners. */
export function reuseKey(grant: EgressGrant, functionDigest: DigestText): string {
  const rules = ownersOf(grant).map(({ owner, rule }) => [owner, numberOf(rule), rule.credential?.secret ?? null]);
  return JSON.stringify([functionDigest, rules]);
}

/** Asks every owner; the first who refuses decides, and without an owner nothing is allowed. */
export function decideGrant(
  policies: readonly OwnerPolicy[],
  functionDigest: DigestText,
  request: EgressRequest,
  now: Date,
): EgressGrant | EgressRefusal {
  const { method, scheme, authority, path } = request;
  const all = decideEgressForAll(policies, { functionDigest, method, url: { scheme, authority, path }, now });
  const deny = (reason: string): EgressRefusal => ({
    error: 'HTTP-request-denied',
    reason,
    owner: all.owner,
    at: all.at,
  });
  if (all.outcome !== 'allow') return deny(all.code ?? 'ERR_POLICY_DENIED_EGRESS');
  const grants: OwnerGrant[] = [];
  for (const { owner, rule } of all.decisions) {
    if (rule === null) return deny('ERR_POLICY_DENIED_EGRESS');
    grants.push({ owner, rule });
  }
  const [first, ...rest] = grants;
  const target = all.decisions[0]?.target ?? null;
  return first === undefined || target === null ? deny('ERR_POLICY_DENIED_EGRESS') : { target, first, rest };
}

interface LimitedGrant extends OwnerGrant {
  readonly key: string;
  readonly limit: RateLimit;
}

/** A rule's limit is one for all functions that use the rule. */
function limitsOf(grant: EgressGrant): readonly LimitedGrant[] {
  return ownersOf(grant).flatMap(({ owner, rule }) => {
    const key = budgetKey(owner, nameRule(rule), 'egress');
    return rule.limit === null ? [] : [{ owner, rule, key, limit: rule.limit }];
  });
}

/** Takes one call or what goes out from every owner's limit, or refuses; gives how many bytes may come back. */
export function spendGrant(
  budget: Budget,
  grant: EgressGrant,
  cost: { readonly bytesOut: number; readonly maxAnswerBytes: number },
  now: Date,
): number | EgressRefusal {
  const limited = limitsOf(grant);
  const costOf = (limit: RateLimit): number => (limit.unit === 'calls' ? 1 : cost.bytesOut);
  // First look at all, then take from all: a refusal by the second owner shall not cost the first.
  const refused =
    limited.find(({ key, limit }) => budget.remaining(key, limit, now) < costOf(limit)) ??
    limited.find(({ key, limit }) => !budget.take(key, limit, costOf(limit), now).allowed);
  if (refused !== undefined) {
    const { owner, rule } = refused;
    return { error: 'HTTP-request-denied', reason: 'ERR_POLICY_DENIED_LIMIT', owner, at: rule.at };
  }
  const inBytes = limited.filter(({ limit }) => limit.unit === 'bytes');
  return Math.min(cost.maxAnswerBytes, ...inBytes.map(({ key, limit }) => budget.remaining(key, limit, now)));
}

/** Takes what is about to go out from the limits in bytes of all owners; false, and nothing taken, when one has too few left. */
export function spendBytesOut(budget: Budget, grant: EgressGrant, bytes: number, now: Date): boolean {
  const inBytes = limitsOf(grant).filter(({ limit }) => limit.unit === 'bytes');
  return (
    inBytes.every(({ key, limit }) => budget.remaining(key, limit, now) >= bytes) &&
    inBytes.every(({ key, limit }) => budget.take(key, limit, bytes, now).allowed)
  );
}

/** Takes what has come in from the same limits; false when one has too few left, and then all that it has is taken: it came in all the same. */
export function spendBytesIn(budget: Budget, grant: EgressGrant, bytes: number, now: Date): boolean {
  if (spendBytesOut(budget, grant, bytes, now)) return true;
  for (const { key, limit } of limitsOf(grant)) {
    if (limit.unit === 'bytes') budget.charge(key, limit, bytes, now);
  }
  return false;
}
