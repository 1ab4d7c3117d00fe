/**
 * Several owners at once: what touches the data of all of them needs all of them. The intersection of their decisions; the first owner
 * who refuses is named. Nobody's consent is nobody's permission: no owner at all allows nothing.
 */
import {
  decideEgress,
  decideQuery,
  type EgressDecision,
  type EgressRequest,
  type QueryDecision,
  type QueryRequest,
} from './decide.ts';
import {
  type ConnectionDecision,
  type ConnectionRequest,
  decideConnection,
  decideLookup,
  type LookupDecision,
  type LookupRequest,
} from './decide-connection.ts';
import type { Decision, OwnerPolicy } from './policy.ts';
import { joinNames } from './reading.ts';

/** What all owners together say, and what each of them said, in their order. */
export interface CombinedDecision<D extends Decision> extends Decision {
  readonly decisions: readonly D[];
}

/** One owner's policy, and who the caller has proven to be in that owner's terms. */
export interface AskedOwner {
  readonly policy: OwnerPolicy;
  readonly callers: ReadonlySet<string>;
}

/** Combines the owners' decisions: allowed only if there is an owner and every one allows. */
export function combineDecisions<D extends Decision>(decisions: readonly D[]): CombinedDecision<D> {
  const [first] = decisions;
  if (first === undefined)
    return {
      outcome: 'deny',
      owner: '',
      at: { file: '', line: 1, column: 1 },
      code: 'ERR_POLICY_NOT_IN_FORCE',
      reason: 'No owner policy is in force for this.',
      hint: 'Load the policy of the owner whose function or data this is.',
      decisions,
    };
  const refusing = decisions.find(({ outcome }) => outcome !== 'allow');
  const { outcome, owner, at, code, reason, hint } = refusing ?? first;
  if (refusing !== undefined) return { outcome, owner, at, code, reason, hint, decisions };
  const owners = joinNames([...new Set(decisions.map((d) => d.owner))], 'and');
  return { outcome, owner: owners, at, code, reason: decisions.map((d) => d.reason).join(' '), hint, decisions };
}

/** Decides a query for every owner whose function it is. */
export function decideQueryForAll(
  owners: readonly AskedOwner[],
  request: Omit<QueryRequest, 'callers'>,
): CombinedDecision<QueryDecision> {
  return combineDecisions(owners.map(({ policy, callers }) => decideQuery(policy, { ...request, callers })));
}

/** Decides a request for every owner whose function it is. */
export function decideEgressForAll(
  policies: readonly OwnerPolicy[],
  request: EgressRequest,
): CombinedDecision<EgressDecision> {
  return combineDecisions(policies.map((policy) => decideEgress(policy, request)));
}

/** Decides a connection over `tcp://` for every owner whose function it is. */
export function decideConnectionForAll(
  policies: readonly OwnerPolicy[],
  request: ConnectionRequest,
): CombinedDecision<ConnectionDecision> {
  return combineDecisions(policies.map((policy) => decideConnection(policy, request)));
}

/** Decides the lookup of a name for every owner whose function it is. */
export function decideLookupForAll(
  policies: readonly OwnerPolicy[],
  request: LookupRequest,
): CombinedDecision<LookupDecision> {
  return combineDecisions(policies.map((policy) => decideLookup(policy, request)));
}
