/**
 * The worker's word that it did what an owner asked, signed with its TLS key, whose digest stands in the claims that the owner appraised: proof
 * for as long as the owner keeps it. Reads and verifies; the worker signs. [RFC 7515 appendix F; RFC 7518 3.4]
 */
import { hexOf, integer, object, oneOf, type Reader, readJson, text } from '../../attestation/json-reader.ts';
import { encodeBase64Url, encodeUtf8, equalBytes, parseBase64, parseBase64Url } from '../../base/bytes.ts';
import { encodeCanonicalJson } from '../../base/canonical-json.ts';
import { type DigestText, parseDigest, sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseInstant } from '../../base/time.ts';
import { PolicyError } from '../../errors.ts';
import { parseName } from '../words.ts';
import { readInForm } from './in-form.ts';

const FORMAT = 'anchorhold-notice/1';
const HEADER = encodeBase64Url(encodeUtf8('{"alg":"ES256","typ":"anchorhold-notice+jws"}'));

/** What something was or is; `version` is null for what has none. */
export type NoticeState = { readonly version: number | null; readonly digest: DigestText };

/** What a handler did. */
export type NoticeContent = {
  readonly kind: 'policy' | 'revoke' | 'data' | 'secret' | 'forget';
  readonly owner: string;
  /** As the policy names it; `policy` for the policy itself. */
  readonly name: string;
  /** null for nothing. */
  readonly before: NoticeState | null;
  readonly after: NoticeState | null;
};

/** What the worker signs. */
export type Notice = NoticeContent & {
  readonly anchorhold: typeof FORMAT;
  /** The run of the worker, 16 bytes in hex. */
  readonly instance: string;
  /** RFC 3339. */
  readonly time: string;
  /** The audit log right after the record of this change: how many records, and the root over them in hex. */
  readonly log: { readonly size: number; readonly root: string };
};

export interface SignedNotice {
  readonly notice: Notice;
  /** `header..signature` over the canonical JSON of the notice. */
  readonly signature: string;
  /** SubjectPublicKeyInfo of the worker's TLS key, DER in base64. */
  readonly key: string;
}

const name = text('a name', (value) => parseName(value).ok);
const digest = text('sha256: and 64 hex digits', (value) => parseDigest(value) !== null) as Reader<DigestText>;
const anyText = text('a text', () => true);
const orNull =
  <T>(reader: Reader<T>): Reader<T | null> =>
  (value, path) =>
    value === null ? null : reader(value, path);
const state = orNull(object<NoticeState>({ version: orNull(integer(1, 999_999_999_999_999)), digest }));

const signedNotice: Reader<SignedNotice> = object({
  notice: object<Notice>({
    anchorhold: oneOf(FORMAT),
    kind: oneOf('policy', 'revoke', 'data', 'secret', 'forget'),
    owner: name,
    name,
    before: state,
    after: state,
    instance: hexOf(16),
    time: text('a time', (value) => parseInstant(value) !== null),
    log: object({ size: integer(0, Number.MAX_SAFE_INTEGER), root: hexOf(32) }),
  }),
  // What is no signature and no key is found out where they are used.
  signature: anyText,
  key: anyText,
});

/** Gives the bytes that the worker signs. */
export function noticeInput(notice: Notice): Uint8Array<ArrayBuffer> {
  return encodeUtf8(`${HEADER}.${encodeBase64Url(encodeUtf8(encodeCanonicalJson(notice)))}`);
}

/** Completes what a handler did to a notice. */
export function makeNotice(
  { kind, owner, name, before, after }: NoticeContent,
  worker: Pick<Notice, 'instance' | 'time' | 'log'>,
): Notice {
  const { instance, time, log } = worker;
  return { anchorhold: FORMAT, kind, owner, name, before, after, instance, time, log };
}

/** Writes a signed notice; `signature` is 64 bytes, r and s. */
export function formatSignedNotice(notice: Notice, signature: Uint8Array, key: string): string {
  return `${JSON.stringify({ notice, signature: `${HEADER}..${encodeBase64Url(signature)}`, key }, null, 2)}\n`;
}

async function isSignedByKey(spki: Uint8Array<ArrayBuffer>, { notice, signature }: SignedNotice): Promise<boolean> {
  const [header, payload, encoded, ...rest] = signature.split('.', 4);
  const bytes = parseBase64Url(encoded ?? '');
  if (header !== HEADER || payload !== '' || rest.length > 0 || bytes === null) return false;
  const { subtle } = globalThis.crypto;
  try {
    const key = await subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
    return await subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, noticeInput(notice));
  } catch {
    return false;
  }
}

/**
 * Reads a signed notice and verifies it for the worker whose claims were appraised: `tls` is the digest of its key, `instance` its run.
 * @throws PolicyError ERR_POLICY_STATEMENT when it is another worker's word, or none
 */
export async function verifyNotice(
  content: string,
  worker: { readonly tls: Uint8Array; readonly instance: string },
): Promise<Notice> {
  const uncounted = 'the notice of the worker does not count';
  const refuse = (why: string): PolicyError => new PolicyError('ERR_POLICY_STATEMENT', `${uncounted}: ${why}`);
  const signed = readInForm(uncounted, () => readJson(content, LIMITS.noticeBytes, 'the notice', signedNotice));
  const spki = parseBase64(signed.key) ?? new Uint8Array(0);
  if (!equalBytes(sha256(spki), worker.tls)) throw refuse('its key is not that of the worker that was appraised');
  if (!(await isSignedByKey(spki, signed))) throw refuse('its signature does not hold');
  if (signed.notice.instance !== worker.instance) throw refuse('it is of another run of the worker');
  return signed.notice;
}
