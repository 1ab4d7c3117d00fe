/**
 * Shows the policies in force in canonical form. To whom, each owner says with `explain`, as for the reasons of denials: they say the same. The digest is
 * in the claims for everybody.
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { PolicyError } from '../../errors.ts';
import type { OwnerPolicy } from '../../policy/policy.ts';
import { formatShownPolicies } from '../../policy/signing/shown-policies.ts';
import type { PresentedRequest } from '../callers/caller.ts';
import { proveCallers } from '../callers/prove.ts';
import type { GatedOwner, PolicyRegister } from '../policy-register.ts';
import { problemOfError } from '../problem.ts';
import type { WholeResponse } from '../sandbox/sandbox.ts';

/** Tells whether whoever asks may read the policy; a proof that does not hold is none. */
export async function mayRead({ policy, replay }: GatedOwner, request: PresentedRequest, now: Date): Promise<boolean> {
  if (policy.explain !== 'callers') return policy.explain === 'anyone';
  try {
    return (await proveCallers(policy.callers, request, { now, replay })).length > 0;
  } catch {
    return false;
  }
}

/** Answers with the policies in force, as far as their owners let whoever asks read them. */
export async function answerShownPolicies(
  request: PresentedRequest,
  register: PolicyRegister,
  now: Date,
): Promise<WholeResponse> {
  if (request.method !== 'GET')
    return problemOfError(new PolicyError('ERR_POLICY_REQUEST', 'policies are asked for with GET'));
  const shown: { readonly policy: OwnerPolicy; readonly isShown: boolean }[] = [];
  for (const standing of register.standings)
    if (standing.state === 'in force')
      shown.push({ policy: standing.policy, isShown: await mayRead(standing, request, now) });
  return {
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
    ],
    body: encodeUtf8(formatShownPolicies(shown)),
  };
}
