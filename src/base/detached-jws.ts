/**
 * Detached signatures: JWS in compact form over canonical JSON, with one header for each type and no other, so that nothing in a signature
 * can name its own key, algorithm or extension, and none of one type counts as another. [RFC 7515 7.1, appendix F; RFC 8037 3.1; RFC 8785]
 */
import { encodeBase64, encodeBase64Url, encodeUtf8, parseBase64Url } from './bytes.ts';
import { encodeCanonicalJson, type JsonMap } from './canonical-json.ts';
import { isSignedBy, type SigningKey } from './ed25519.ts';
import { LIMITS } from './limits.ts';

/** What is signed: an owner's statement, or a publisher's release. */
export type SignedType = 'anchorhold-statement' | 'anchorhold-release';

const SIGNATURE_BYTES = 64;

/** The header of each type; it is compared as text, so `jwk`, `x5c`, `kid`, `crit`, `b64` or another `alg` never match. */
const headerOf = (type: SignedType): string => encodeBase64Url(encodeUtf8(`{"alg":"EdDSA","typ":"${type}+jws"}`));

/** The longest signature in text form: the header, two dots, 64 bytes. */
export const SIGNATURE_CHARACTERS: number =
  headerOf('anchorhold-statement').length + 2 + Math.ceil((SIGNATURE_BYTES * 4) / 3);

/** What is signed: the header, a dot, and the content that the detached form leaves out. [RFC 7515 5.1] */
function signingInput(type: SignedType, content: JsonMap): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${headerOf(type)}.${encodeBase64Url(encodeUtf8(encodeCanonicalJson(content)))}`);
}

/** Signs a content: gives `header..signature`. */
export async function signDetached(type: SignedType, content: JsonMap, key: SigningKey): Promise<string> {
  return `${headerOf(type)}..${encodeBase64Url(await key.sign(signingInput(type, content)))}`;
}

async function isSignatureOver(
  header: string,
  input: Uint8Array<ArrayBuffer>,
  signature: string,
  spki: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const [head, payload, encoded, ...rest] = signature.split('.', 4);
  if (head !== header || payload !== '' || encoded === undefined || rest.length > 0) return false;
  const bytes = parseBase64Url(encoded);
  if (bytes === null || bytes.length !== SIGNATURE_BYTES) return false;
  return await isSignedBy(spki, input, bytes);
}

/** Tells whether the text is the key's signature of the content; whatever is not in exact form is none. */
export async function isDetachedSignature(
  type: SignedType,
  content: JsonMap,
  signature: string,
  spki: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return await isSignatureOver(headerOf(type), signingInput(type, content), signature, spki);
}

/** Gives those of the keys (SubjectPublicKeyInfo, DER) that signed the content, each once; signatures by other keys count for nothing. */
export async function findSigningKeys(
  type: SignedType,
  content: JsonMap,
  signatures: readonly string[],
  keys: readonly Uint8Array[],
): Promise<readonly Uint8Array[]> {
  const header = headerOf(type);
  const input = signingInput(type, content);
  const distinct = [...new Map(keys.map((spki) => [encodeBase64(spki), Uint8Array.from(spki)])).values()];
  const signers: Uint8Array[] = [];
  for (const spki of distinct)
    for (const signature of signatures.slice(0, LIMITS.statementSignatures))
      if (await isSignatureOver(header, input, signature, spki)) {
        signers.push(spki);
        break;
      }
  return signers;
}
