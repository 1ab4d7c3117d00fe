/** Who asks, as each owner knows them: proven to all owners of a function, and told of a denial as far as its owner lets them know why. */
import { type ErrorCode, PolicyError } from '../errors.ts';
import type { AskedOwner } from '../policy/combine.ts';
import type { Decision } from '../policy/policy.ts';
import type { PresentedRequest, ProvenCaller } from './callers/caller.ts';
import type { KeySets } from './callers/key-sets.ts';
import { proveCallers } from './callers/prove.ts';
import { judgeProofs } from './calls-under-way.ts';
import type { GatedOwner } from './policy-register.ts';
import { problemOfCode, problemOfDenial } from './problem.ts';
import type { WholeResponse } from './sandbox/sandbox.ts';

/** Who asks, in the words of each owner. */
export interface Asker {
  readonly owners: readonly (AskedOwner & { readonly proven: readonly ProvenCaller[] })[];
  /** The first proof, for the log. */
  readonly caller: ProvenCaller | null;
}

/** Proves who asks to each owner; a proof that does not hold is that owner's denial. */
export async function identify(
  owners: readonly GatedOwner[],
  request: PresentedRequest,
  keySets: KeySets,
  now: Date,
): Promise<Asker & { readonly denial: Decision | null }> {
  const asked = [];
  let denial: Decision | null = null;
  for (const { policy, replay } of owners) {
    try {
      const proven = await proveCallers(policy.callers, request, { now, replay, published: keySets.of(policy.owner) });
      asked.push({ policy, proven, callers: new Set(proven.map((caller) => caller.name)) });
      denial = judgeProofs(policy, proven);
      if (denial !== null) break;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const { code, hint, message } = error;
      denial = { outcome: 'deny', owner: policy.owner, at: policy.sections.callers, code, reason: message, hint };
      asked.push({ policy, proven: [], callers: new Set<string>() });
      break;
    }
  }
  return { owners: asked, caller: asked.flatMap((owner) => owner.proven)[0] ?? null, denial };
}

/** Shows a denial as far as the owner lets this asker see it. */
export function showDenial(
  denial: Decision & { readonly code: ErrorCode | null },
  asker: Asker,
  retryAfterSeconds?: number,
): WholeResponse {
  const code = denial.code ?? 'ERR_POLICY_DENIED_QUERY';
  const explain = asker.owners.find(({ policy }) => policy.owner === denial.owner)?.policy.explain ?? 'anyone';
  const shown = explain === 'anyone' || (explain === 'callers' && asker.caller !== null);
  if (shown) return problemOfDenial(code, denial, retryAfterSeconds);
  return problemOfCode(code, 'The owner does not say why.', retryAfterSeconds);
}
