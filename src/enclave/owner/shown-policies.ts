/**
 * Shows the policies in force in canonical form. To whom, each owner says with `explain`, as for the reasons of denials: they say the same. The digest is
 * in the claims for everybody.
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { PolicyError } from '../../errors.ts';
import type { OwnerPolicy } from '../../policy/policy.ts';
import { formatShownPolicies } from '../../policy/signing/shown-policies.ts';
import type { PresentedRequest } from '../callers/caller.ts';
import type { KeySets } from '../callers/key-sets.ts';
import { proveCallers } from '../callers/prove.ts';
import { judgeProofs } from '../calls-under-way.ts';
import type { GatedOwner, PolicyRegister } from '../policy-register.ts';
import { problemOfError } from '../problem.ts';
import type { WholeResponse } from '../sandbox/sandbox.ts';

export interface ShownFrom {
  readonly register: PolicyRegister;
  readonly keySets: KeySets;
  readonly now: Date;
}

/** Tells whether whoever asks may read the policy; a proof that does not hold, or was taken back, is none. */
export async function mayRead(
  { policy, replay }: GatedOwner,
  request: PresentedRequest,
  { keySets, now }: Pick<ShownFrom, 'keySets' | 'now'>,
): Promise<boolean> {
  if (policy.explain !== 'callers') return policy.explain === 'anyone';
  try {
    const proven = await proveCallers(policy.callers, request, { now, replay, published: keySets.of(policy.owner) });
    return proven.length > 0 && judgeProofs(policy, proven) === null;
  } catch {
    return false;
  }
}

/** Answers with the policies in force, as far as their owners let whoever asks read them. */
export async function answerShownPolicies(request: PresentedRequest, from: ShownFrom): Promise<WholeResponse> {
  if (request.method !== 'GET')
    return problemOfError(new PolicyError('ERR_POLICY_REQUEST', 'policies are asked for with GET'));
  const shown: { readonly policy: OwnerPolicy; readonly isShown: boolean }[] = [];
  for (const standing of from.register.standings)
    if (standing.state === 'in force')
      shown.push({ policy: standing.policy, isShown: await mayRead(standing, request, from) });
  return {
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
    ],
    body: encodeUtf8(formatShownPolicies(shown)),
  };
}
