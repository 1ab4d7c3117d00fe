/**
 * Detached signatures of owners: JWS in compact form over canonical JSON, with one header and no other, so that nothing in a signature
 * can name its own key, algorithm or extension. Whose signatures count is not decided here. [RFC 7515 7.1, appendix F; RFC 8037 3.1; RFC 8785]
 */
import { encodeBase64Url, encodeUtf8, parseBase64Url } from '../../base/bytes.ts';
import { encodeCanonicalJson, type JsonMap } from '../../base/canonical-json.ts';
import { isSignedBy, type SigningKey } from '../../base/ed25519.ts';

/** The header of every signature; it is compared as text, so `jwk`, `x5c`, `kid`, `crit`, `b64` or another `alg` never match. */
const HEADER = encodeBase64Url(encodeUtf8('{"alg":"EdDSA","typ":"anchorhold-statement+jws"}'));
const SIGNATURE_BYTES = 64;

/** The longest signature in text form: the header, two dots, 64 bytes. */
export const SIGNATURE_CHARACTERS: number = HEADER.length + 2 + Math.ceil((SIGNATURE_BYTES * 4) / 3);

/** What is signed: the header, a dot, and the statement that the detached form leaves out. [RFC 7515 5.1] */
function signingInput(statement: JsonMap): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${HEADER}.${encodeBase64Url(encodeUtf8(encodeCanonicalJson(statement)))}`);
}

/** Signs a statement: gives `header..signature`. */
export async function signStatement(statement: JsonMap, key: SigningKey): Promise<string> {
  return `${HEADER}..${encodeBase64Url(await key.sign(signingInput(statement)))}`;
}

/** Tells whether the text is the key's signature of the statement; whatever is not in exact form is none. */
export async function isStatementSignedBy(
  statement: JsonMap,
  signature: string,
  spki: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const [header, payload, encoded, ...rest] = signature.split('.', 4);
  if (header !== HEADER || payload !== '' || encoded === undefined || rest.length > 0) return false;
  const bytes = parseBase64Url(encoded);
  if (bytes === null || bytes.length !== SIGNATURE_BYTES) return false;
  return await isSignedBy(spki, signingInput(statement), bytes);
}
