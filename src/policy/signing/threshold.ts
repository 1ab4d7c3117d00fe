/** m of n: which of the listed keys signed a statement, and whether they are enough. Counts keys, never signatures. */
import { encodeBase64 } from '../../base/bytes.ts';
import type { JsonMap } from '../../base/canonical-json.ts';
import { findSigningKeys } from '../../base/detached-jws.ts';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import type { ChangeRules } from '../policy.ts';

/** Writes a public key (SubjectPublicKeyInfo, DER) as it stands in `changes.keys`. */
export function formatOwnerKey(spki: Uint8Array): string {
  return `ed25519:${encodeBase64(spki)}`;
}

/** Gives those of the keys that signed the statement, each once; signatures by other keys count for nothing. */
export async function findSigners(
  statement: JsonMap,
  signatures: readonly string[],
  keys: ChangeRules['keys'],
): Promise<readonly Uint8Array[]> {
  return await findSigningKeys('anchorhold-statement', statement, signatures, keys);
}

/**
 * Holds the signatures of a statement against who may change something; `rules` of null is nobody. Gives the keys that signed.
 * @throws PolicyError ERR_POLICY_SIGNATURE
 */
export async function requireSignatures(
  statement: JsonMap & { readonly owner: string },
  signatures: readonly string[],
  rules: ChangeRules | null,
): Promise<readonly Uint8Array[]> {
  const refuse = (why: string): PolicyError =>
    new PolicyError('ERR_POLICY_SIGNATURE', `nothing of ${statement.owner} is changed: ${why}`);
  if (rules === null) throw refuse('no keys may sign for this owner');
  if (signatures.length > LIMITS.statementSignatures)
    throw refuse(`there are ${signatures.length} signatures, more than ${LIMITS.statementSignatures}`);
  const signers = await findSigners(statement, signatures, rules.keys);
  // Written so that a demand that is no number is never met.
  if (!(rules.needed >= 1 && signers.length >= rules.needed))
    throw refuse(`${rules.needed} of ${rules.keys.length} keys must sign it, and ${signers.length} did`);
  return signers;
}
