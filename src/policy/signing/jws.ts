/** Signatures of owners: what base/detached-jws.ts does, for statements. Whose signatures count is not decided here. */
import type { JsonMap } from '../../base/canonical-json.ts';
import { isDetachedSignature, signDetached } from '../../base/detached-jws.ts';
import type { SigningKey } from '../../base/ed25519.ts';

/** Signs a statement: gives `header..signature`. */
export async function signStatement(statement: JsonMap, key: SigningKey): Promise<string> {
  return await signDetached('anchorhold-statement', statement, key);
}

/** Tells whether the text is the key's signature of the statement; whatever is not in exact form is none. */
export async function isStatementSignedBy(
  statement: JsonMap,
  signature: string,
  spki: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return await isDetachedSignature('anchorhold-statement', statement, signature, spki);
}
