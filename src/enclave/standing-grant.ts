/**
 * Whether what was allowed when a way out was opened still is: a change of policy stops what it no longer allows, also where bytes are under
 * way already. Asks again only after a change.
 */
import type { OwnerPolicy } from '../policy/policy.ts';

/** Makes the question: `decide` says whether these policies allow it, and they did when this is called. */
export function openStandingGrant(
  policies: () => readonly OwnerPolicy[],
  decide: (policies: readonly OwnerPolicy[]) => boolean,
): () => boolean {
  let asked = policies();
  let isAllowed = true;
  return () => {
    const current = policies();
    // A register gives the same list until it changes. Once refused stays refused: bytes in between may be missing.
    if (isAllowed && current !== asked) isAllowed = decide(current);
    asked = current;
    return isAllowed;
  };
}
