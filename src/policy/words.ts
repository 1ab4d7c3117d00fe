/** The words of the file: names, methods, digests, keys, dates. Each is read in full or refused with the form that is right. */
import { parseHex } from '../base/bytes.ts';
import { type DigestText, parseDigest } from '../base/digest.ts';
import { parsePublicKey } from '../base/ed25519.ts';
import { parseMediaType } from '../base/media-type.ts';
import { parseDay, parseInstant } from '../base/time.ts';
import { accept, findNearest, joinNames, quote, type Reading, refuse } from './reading.ts';

/** Methods that a rule can name. CONNECT and TRACE are left out: they are about connections, not about resources. */
export const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/** Reads a name: 1 to 64 lower-case letters, digits and inner hyphens. */
export function parseName(text: string): Reading<string> {
  return NAME.test(text)
    ? accept(text)
    : refuse(`${quote(text)} is not a name: use up to 64 lower-case letters, digits and hyphens between them`);
}

/** Reads a method in capitals. [RFC 9110 9.3] */
export function parseMethod(text: string): Reading<string> {
  if (METHODS.includes(text)) return accept(text);
  const near = findNearest(text, METHODS);
  return refuse(
    `${quote(text)} is not a method; ${near === null ? `known: ${METHODS.join(', ')}` : `did you mean ${near}?`}`,
  );
}

/** Reads text as it stands, without blanks around it. */
export function parsePhrase(text: string): Reading<string> {
  return text.trim() === text && !text.includes('\n')
    ? accept(text)
    : refuse(`${quote(text)} has blanks or line ends around or in it`);
}

/** Reads `sha256:` and 64 hex digits. */
export function parseDigestText(text: string): Reading<DigestText> {
  return parseDigest(text) === null
    ? refuse(`${quote(text)} is not a digest: write sha256: and 64 lower-case hex digits`)
    : accept(text as DigestText);
}

/** Reads `spki-sha256:` and 64 hex digits: the SHA-256 of a public key (SubjectPublicKeyInfo, DER). */
export function parsePin(text: string): Reading<DigestText> {
  const digest: DigestText = `sha256:${text.slice('spki-sha256:'.length)}`;
  return text.startsWith('spki-sha256:') && parseDigest(digest) !== null
    ? accept(digest)
    : refuse(`${quote(text)} is not a pin: write spki-sha256: and 64 lower-case hex digits`);
}

/** Reads `ed25519:` and the base64 of a public key (SubjectPublicKeyInfo, DER, 44 bytes). [RFC 8410 4] */
export function parseKey(text: string): Reading<Uint8Array> {
  const spki = parsePublicKey(text);
  return spki === null
    ? refuse(`${quote(text)} is not a key: write ed25519: and the base64 of the public key (it begins with MCow)`)
    : accept(spki);
}

/** Reads a launch measurement: 96 lower-case hex digits (SHA-384). [SNP-ABI 1.58 Table 23] */
export function parseMeasurement(text: string): Reading<string> {
  return parseHex(text, 48) === null
    ? refuse(`${quote(text)} is not a launch measurement: write 96 lower-case hex digits`)
    : accept(text);
}

/** Reads a whole number from 1. */
export function parseCount(text: string): Reading<number> {
  const value = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
  return value === null ? refuse(`${quote(text)} is not a whole number from 1`) : accept(value);
}

/** Reads a whole number from 0 to 255, as firmware components count. */
export function parseByteValue(text: string): Reading<number> {
  const value = /^(?:0|[1-9]\d{0,2})$/.test(text) ? Number(text) : 256;
  return value > 255 ? refuse(`${quote(text)} is not a whole number from 0 to 255`) : accept(value);
}

/** Reads a day (its beginning in UTC) or an instant. [RFC 3339 5.6] */
export function parseMoment(text: string): Reading<Date> {
  const date = parseDay(text) ?? parseInstant(text);
  return date === null
    ? refuse(`${quote(text)} is not a date: write 2026-11-01, or 2026-11-01T08:00:00Z with a time`)
    : accept(date);
}

/** Reads a media type without parameters. [RFC 9110 8.3.1] */
export function parseListedType(text: string): Reading<string> {
  const type = parseMediaType(text);
  return type === null || type !== text.toLowerCase() || text.includes('*')
    ? refuse(`${quote(text)} is not a media type: write one such as application/json, without parameters or *`)
    : accept(type);
}

/** Reads the name of a header that a credential may go into; those that steer the message itself are refused. [RFC 9110 5.1] */
export function parseHeaderName(text: string): Reading<string> {
  const name = text.toLowerCase();
  const steering = [
    'host',
    'content-length',
    'transfer-encoding',
    'connection',
    'te',
    'trailer',
    'upgrade',
    'expect',
    'keep-alive',
  ];
  if (steering.includes(name) || name.startsWith('proxy-'))
    return refuse(`the header ${quote(text)} steers the message itself and cannot carry a credential`);
  return /^[a-z0-9-]{1,64}$/.test(name) ? accept(name) : refuse(`${quote(text)} is not a header name`);
}

/** Reads an absolute path in the function's own file system, such as /data/patients.csv. */
export function parseMount(text: string): Reading<string> {
  const parts = text.split('/').slice(1);
  const plain = text.startsWith('/') && parts.every((part) => /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(part));
  return plain ? accept(text) : refuse(`${quote(text)} is not a path such as /data/patients.csv`);
}

/** Checks that a name is among those that another section lists. */
export function checkListed(name: string, known: readonly string[], section: string): Reading<string> {
  if (known.includes(name)) return accept(name);
  const near = findNearest(name, known);
  const help =
    near !== null
      ? `did you mean ${quote(near)}?`
      : known.length === 0
        ? `the file has no ${section} section`
        : `it lists ${joinNames(known.slice(0, 8), 'and')}`;
  return refuse(`${quote(name)} is not listed in ${section}; ${help}`);
}
