/**
 * Files that a policy refers to: authorities, key sets, trust files, releases. Read through a function that is handed in; only plain names
 * beside the policy, and only if the content is of the kind that belongs there. Their digests stand for them in the policy's digest.
 */

import type { Schema } from '../attestation/json-reader.ts';
import { parseBase64, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { FORMS } from './forms.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { derived, problemAt, type Reader, text } from './shape.ts';

const NAME = /^\.(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/;

/** Reads the name of a file beside the policy: `./name` or `./folder/name`. */
export function parseReferenceName(name: string): Reading<string> {
  if (NAME.test(name) && !name.includes('..')) return accept(name);
  return refuse(
    `${quote(name)} is not a file beside the policy: write ./name, without .. and without other signs than letters, digits, . _ -`,
  );
}

/** Makes a reader of a reference that gives the file's text, when `check` finds the kind of content that belongs there. */
export function reference(
  check: (content: string) => Reading<unknown>,
  parseName: (name: string) => Reading<string> = parseReferenceName,
  form: Schema = FORMS.file,
): Reader<string> {
  return derived(text(parseName, form), (name, node, references) => {
    let bytes: Uint8Array | null;
    try {
      bytes = references(name);
    } catch (cause) {
      throw problemAt(node, 'ERR_POLICY_REFERENCE', `${name} cannot be read: ${quote(String(cause))}`);
    }
    if (bytes === null) throw problemAt(node, 'ERR_POLICY_REFERENCE', `${name} does not exist beside the policy`);
    if (bytes.length > LIMITS.referenceBytes)
      throw problemAt(node, 'ERR_POLICY_LIMIT', `${name} has more than ${LIMITS.referenceBytes} bytes`);
    const content = parseUtf8(bytes);
    if (content === null) throw problemAt(node, 'ERR_POLICY_REFERENCE', `${name} is not text`);
    const checked = check(content);
    if (!checked.ok) throw problemAt(node, 'ERR_POLICY_REFERENCE', `${name} ${checked.why}`);
    return content;
  });
}

/** Checks PEM text with at least one certificate and nothing else; the certificates themselves are judged where they are used. [RFC 7468] */
export function checkCertificates(content: string): Reading<number> {
  const kinds = [...content.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map((match) => match[1] ?? '');
  if (kinds.some((kind) => kind.includes('PRIVATE KEY')))
    return refuse('holds a private key, which must never be part of a policy: refer to the certificate only');
  const blocks = [
    ...content.matchAll(/^-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+?)\r?\n-----END CERTIFICATE-----\r?$/gm),
  ];
  const der = blocks.map((block) => parseBase64((block[1] ?? '').replace(/\s/g, '')));
  if (kinds.length === 0 || kinds.length !== der.length || der.some((bytes) => bytes?.[0] !== 0x30))
    return refuse('is not a PEM file of certificates (-----BEGIN CERTIFICATE-----)');
  return accept(der.length);
}

/** Checks JSON text whose top is an object. */
export function checkJsonObject(content: string): Reading<Readonly<Record<string, unknown>>> {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return accept(value as Record<string, unknown>);
  } catch {
    // Falls through to the one refusal.
  }
  return refuse('is not a JSON object');
}

/** Checks a set of public keys: at least one, none symmetric, none private. [RFC 7517 5] */
export function checkKeySet(content: string): Reading<number> {
  const set = checkJsonObject(content);
  if (!set.ok) return set;
  const keys: unknown = set.value['keys'];
  if (!Array.isArray(keys) || keys.length === 0) return refuse('is not a key set: it has no "keys"');
  for (const key of keys as unknown[]) {
    if (typeof key !== 'object' || key === null || !('kty' in key)) return refuse('has an entry that is not a key');
    if ('d' in key || 'k' in key || key.kty === 'oct')
      return refuse(
        'holds a private or shared key, which must never be part of a policy: publish the public keys only',
      );
  }
  return accept(keys.length);
}

/** Checks that JSON text says `"anchorhold": "trust/1"`; the rest is judged where it is used. */
export function checkTrustFile(content: string): Reading<unknown> {
  const file = checkJsonObject(content);
  if (!file.ok) return file;
  return file.value['anchorhold'] === 'trust/1'
    ? file
    : refuse('is not a trust file: it does not say "anchorhold": "trust/1"');
}
