/**
 * The policies in force as a worker shows them: canonical forms, each of which counts only if its digest is the one in the claims that were
 * appraised. [RFC 8785]
 */
import { mapOf, object, oneOf, type Reader, readJson, refuseValue } from '../../attestation/json-reader.ts';
import { type DigestText, formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError, PolicyError } from '../../errors.ts';
import type { CanonicalPolicy } from '../canonical.ts';
import { digestCanonical } from '../parse.ts';
import type { OwnerPolicy } from '../policy.ts';

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

const canonicalOrNull: Reader<object | null> = (value, path) => {
  if (typeof value !== 'object' || Array.isArray(value)) throw refuseValue(path, 'a policy in canonical form', value);
  return value;
};

const answer = object({ anchorhold: oneOf(FORMAT), policies: mapOf(canonicalOrNull) });

/**
 * Reads what a worker shows; `digests` are those in the claims, and none may be missing, of another content or too many.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readShownPolicies(
  content: string,
  digests: Readonly<Record<string, Uint8Array>>,
): readonly ShownPolicy[] {
  const refuse = (why: string, cause?: unknown): PolicyError =>
    new PolicyError('ERR_POLICY_STATEMENT', `the policies that the worker shows do not count: ${why}`, { cause });
  let policies: Readonly<Record<string, object | null>>;
  try {
    policies = readJson(content, LIMITS.shownPoliciesBytes, 'the answer', answer).policies;
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw refuse(cause.message, cause);
  }
  const extra = Object.keys(policies).find((owner) => !Object.hasOwn(digests, owner));
  if (extra !== undefined) throw refuse(`the claims name no policy of ${JSON.stringify(extra)}`);
  return Object.entries(digests).map(([owner, bytes]) => {
    const digest = formatDigest(bytes);
    const shown = Object.hasOwn(policies, owner) ? policies[owner] : undefined;
    if (shown === undefined) throw refuse(`that of ${owner} is missing`);
    // The digest vouches for every byte of it, so its form is that of a policy that the worker has parsed.
    const canonical = shown as CanonicalPolicy | null;
    if (canonical !== null && (digestCanonical(canonical) !== digest || canonical.owner !== owner))
      throw refuse(`that of ${owner} is not the one in the claims`);
    return { owner, digest, canonical };
  });
}
