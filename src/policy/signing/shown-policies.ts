/**
 * The policies in force as a worker shows them: canonical forms, each of which counts only if its digest is the one in the claims that were
 * appraised. [RFC 8785]
 */
import { mapOf, object, oneOf, readJson } from '../../attestation/json-reader.ts';
import { type DigestText, formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import type { CanonicalPolicy } from '../canonical.ts';
import { digestCanonical } from '../parse.ts';
import type { OwnerPolicy } from '../policy.ts';
import { readInForm } from './in-form.ts';

const FORMAT = 'anchorhold-policies/1';

/** One policy in force; `canonical` is null where its owner does not show it. */
export interface ShownPolicy {
  readonly owner: string;
  readonly digest: DigestText;
  readonly canonical: CanonicalPolicy | null;
}

/** Writes policies, those that are not shown without their content. */
export function formatShownPolicies(
  policies: readonly { readonly policy: OwnerPolicy; readonly isShown: boolean }[],
): string {
  const shown = policies.map(({ policy, isShown }) => [policy.owner, isShown ? policy.canonical : null]);
  return `${JSON.stringify({ anchorhold: FORMAT, policies: Object.fromEntries(shown) })}\n`;
}

// Whatever is shown: the digest vouches for every byte of it, so its form is that of a policy that the worker has parsed.
const answer = object({ anchorhold: oneOf(FORMAT), policies: mapOf((value) => value as CanonicalPolicy | null) });

/** Tells whether this is the content with that digest. */
function isContent(canonical: CanonicalPolicy, digest: DigestText): boolean {
  try {
    return digestCanonical(canonical) === digest;
  } catch {
    // Half a surrogate pair and 1e999 have no canonical form, and so no digest.
    return false;
  }
}

/**
 * Reads what a worker shows; `digests` are those in the claims, and none may be missing, of another content or too many.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readShownPolicies(
  content: string,
  digests: Readonly<Record<string, Uint8Array>>,
): readonly ShownPolicy[] {
  const uncounted = 'the policies that the worker shows do not count';
  const refuse = (why: string): PolicyError => new PolicyError('ERR_POLICY_STATEMENT', `${uncounted}: ${why}`);
  const read = readInForm(uncounted, () => readJson(content, LIMITS.shownPoliciesBytes, 'the answer', answer));
  const policies = new Map(Object.entries(read.policies));
  const extra = [...policies.keys()].find((owner) => !Object.hasOwn(digests, owner));
  if (extra !== undefined) throw refuse(`the claims name no policy of ${JSON.stringify(extra)}`);
  return Object.entries(digests).map(([owner, bytes]) => {
    const digest = formatDigest(bytes);
    const canonical = policies.get(owner);
    if (canonical === undefined) throw refuse(`that of ${owner} is missing`);
    if (canonical !== null && !(isContent(canonical, digest) && canonical.owner === owner))
      throw refuse(`that of ${owner} is not the one in the claims`);
    return { owner, digest, canonical };
  });
}
