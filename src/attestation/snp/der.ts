/**
 * X.509 certificates and CRLs from DER, and the few DER values inside AMD's extensions. The one door to @peculiar/asn1-*, which alone
 * is lenient (BER, trailing bytes, list items that it cannot read are dropped): what does not encode back to the same bytes is
 * refused. Reads form only; nothing here is believed before chain.ts. [X.690 10; RFC 5280 4.1, 5.1]
 */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate,
  CertificateList,
  type Extension,
  KeyUsage,
  KeyUsageFlags,
  type Name,
  Version,
} from '@peculiar/asn1-x509';
import { encodeHex, equalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** One extension; `value` is the content of extnValue. */
export interface X509Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Bytes;
}

/** A name as bytes for comparing and as attributes (`2.5.4.3=ARK-Milan`) for reading. */
export interface X509Name {
  readonly der: Bytes;
  readonly attributes: readonly string[];
  /** The last common name; empty when there is none. */
  readonly commonName: string;
}

/** What certificates and CRLs have in common: signed bytes as received, algorithms and signature. */
export interface Signed {
  readonly der: Bytes;
  readonly tbs: Bytes;
  /** The AlgorithmIdentifier inside the signed bytes, and the one outside; both DER. */
  readonly innerAlgorithm: Bytes;
  readonly outerAlgorithm: Bytes;
  readonly signature: Bytes;
  readonly issuer: X509Name;
  readonly extensions: readonly X509Extension[];
}

/** A decoded certificate. */
export interface X509Certificate extends Signed {
  /** 3 for every certificate with extensions. */
  readonly version: number;
  readonly serial: bigint;
  readonly subject: X509Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Bytes;
}

/** A decoded certificate revocation list. */
export interface X509Crl extends Signed {
  /** 2 for every CRL with extensions. */
  readonly version: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | null;
  readonly revoked: readonly { readonly serial: bigint; readonly criticalExtensions: readonly string[] }[];
}

const copy = (buffer: ArrayBuffer): Bytes => new Uint8Array(buffer.slice(0));
const encode = (value: unknown): Bytes => new Uint8Array(AsnConvert.serialize(value));

/** A class of @peculiar/asn1-x509. */
type Schema<T> = new () => T;

/**
 * Tells whether the bytes are one DER element with definite, shortest lengths throughout, nested no deeper than the cap: the library
 * copies at each level, so depth without a cap costs memory that an attacker chooses.
 */
export function isDerElement(bytes: Uint8Array): boolean {
  const ends: number[] = [bytes.length];
  let at = 0;
  let topLevel = 0;
  while (at < bytes.length) {
    if (ends.length === 1 && ++topLevel > 1) return false;
    const tag = bytes[at++] ?? 0;
    if ((tag & 0x1f) === 0x1f) return false;
    let size = bytes[at++] ?? 0x80;
    if (size >= 0x80) {
      const octets = size & 0x7f;
      if (octets === 0 || octets > 3 || bytes[at] === 0) return false;
      size = 0;
      for (let i = 0; i < octets; i++) size = size * 256 + (bytes[at++] ?? 0);
      if (size < 0x80) return false;
    }
    const end = at + size;
    if (end > (ends.at(-1) ?? 0)) return false;
    if ((tag & 0x20) === 0) at = end;
    else if (ends.push(end) > LIMITS.nesting) return false;
    while (ends.length > 1 && at === ends.at(-1)) ends.pop();
  }
  return topLevel === 1 && at === bytes.length && ends.length === 1;
}

/** Decodes one value and refuses what does not encode back to the same bytes. */
function decode<T>(bytes: Uint8Array, schema: Schema<T>): T | null {
  if (!isDerElement(bytes)) return null;
  try {
    const value = AsnConvert.parse(Uint8Array.from(bytes), schema);
    // The raw copies would be written back as they came and hide what was dropped.
    if (value instanceof Certificate) delete value.tbsCertificateRaw;
    if (value instanceof CertificateList) delete value.tbsCertListRaw;
    return equalBytes(encode(value), bytes) ? value : null;
  } catch {
    return null;
  }
}

function readName(name: Name): X509Name {
  const attributes = [...name].flatMap((rdn) => [...rdn].map((a) => ({ type: a.type, text: a.value.toString() })));
  return {
    der: encode(name),
    attributes: attributes.map((a) => `${a.type}=${a.text}`),
    commonName: attributes.findLast((a) => a.type === '2.5.4.3')?.text ?? '',
  };
}

function readExtensions(extensions: readonly Extension[] | undefined): readonly X509Extension[] {
  return (extensions ?? []).map((e) => ({ oid: e.extnID, critical: e.critical, value: copy(e.extnValue.buffer) }));
}

const readSerial = (serial: ArrayBuffer): bigint => BigInt(`0x0${encodeHex(new Uint8Array(serial))}`);
const isDate = (date: Date): boolean => !Number.isNaN(date.getTime());

/** Decodes a certificate within the cap; gives null for anything that is not exactly one in DER. [RFC 5280 4.1] */
export function parseCertificate(der: Uint8Array): X509Certificate | null {
  if (der.length > LIMITS.certificateBytes) return null;
  const certificate = decode(der, Certificate);
  if (certificate === null) return null;
  try {
    const tbs = certificate.tbsCertificate;
    const notBefore = tbs.validity.notBefore.getTime();
    const notAfter = tbs.validity.notAfter.getTime();
    if (!isDate(notBefore) || !isDate(notAfter)) return null;
    return {
      der: Uint8Array.from(der),
      tbs: firstElement(der),
      innerAlgorithm: encode(tbs.signature),
      outerAlgorithm: encode(certificate.signatureAlgorithm),
      signature: copy(certificate.signatureValue),
      version: tbs.version + 1,
      serial: readSerial(tbs.serialNumber),
      issuer: readName(tbs.issuer),
      subject: readName(tbs.subject),
      notBefore,
      notAfter,
      spki: encode(tbs.subjectPublicKeyInfo),
      extensions: readExtensions(tbs.extensions),
    };
  } catch {
    return null;
  }
}

/** Decodes a CRL within the cap; gives null for anything that is not exactly one in DER. [RFC 5280 5.1] */
export function parseCrl(der: Uint8Array): X509Crl | null {
  if (der.length > LIMITS.crlBytes) return null;
  const crl = decode(der, CertificateList);
  if (crl === null) return null;
  try {
    const tbs = crl.tbsCertList;
    const thisUpdate = tbs.thisUpdate.getTime();
    const nextUpdate = tbs.nextUpdate?.getTime() ?? null;
    if (!isDate(thisUpdate) || (nextUpdate !== null && !isDate(nextUpdate))) return null;
    return {
      der: Uint8Array.from(der),
      tbs: firstElement(der),
      innerAlgorithm: encode(tbs.signature),
      outerAlgorithm: encode(crl.signatureAlgorithm),
      signature: copy(crl.signature),
      version: (tbs.version ?? Version.v1) + 1,
      issuer: readName(tbs.issuer),
      thisUpdate,
      nextUpdate,
      revoked: (tbs.revokedCertificates ?? []).map((entry) => ({
        serial: readSerial(entry.userCertificate),
        criticalExtensions: (entry.crlEntryExtensions ?? []).filter((e) => e.critical).map((e) => e.extnID),
      })),
      extensions: readExtensions(tbs.crlExtensions),
    };
  } catch {
    return null;
  }
}

/** The first element inside a SEQUENCE that is known to be DER: the signed bytes exactly as received. */
function firstElement(der: Uint8Array): Bytes {
  const outer = contentOffset(der, 0);
  return Uint8Array.from(der.subarray(outer, endOf(der, outer)));
}

function contentOffset(der: Uint8Array, at: number): number {
  const size = der[at + 1] ?? 0;
  return at + 2 + (size < 0x80 ? 0 : size & 0x7f);
}

function endOf(der: Uint8Array, at: number): number {
  const content = contentOffset(der, at);
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return content + first;
  return content + der.subarray(at + 2, content).reduce((n, b) => n * 256 + b, 0);
}

/** Reads BasicConstraints; gives null when it is not exactly that. [RFC 5280 4.2.1.9] */
export function parseBasicConstraints(
  value: Uint8Array,
): { readonly ca: boolean; readonly pathLength: number | null } | null {
  const constraints = decode(value, BasicConstraints);
  return constraints === null ? null : { ca: constraints.cA, pathLength: constraints.pathLenConstraint ?? null };
}

/** Reads KeyUsage; gives null when it is not exactly that. [RFC 5280 4.2.1.3] */
export function parseKeyUsage(
  value: Uint8Array,
): { readonly certificateSign: boolean; readonly crlSign: boolean } | null {
  const usage = decode(value, KeyUsage)?.toNumber();
  if (usage === undefined) return null;
  return {
    certificateSign: (usage & KeyUsageFlags.keyCertSign) !== 0,
    crlSign: (usage & KeyUsageFlags.cRLSign) !== 0,
  };
}

/** Reads an INTEGER of 0 to 255 in its one DER form; gives null for all else, also for `02 01 DE`, which is negative. */
export function parseDerByte(value: Uint8Array): number | null {
  const [tag, size, first = 0, second = 0] = value;
  if (tag !== 0x02 || value.length !== 2 + (size ?? 0)) return null;
  if (size === 1 && first < 0x80) return first;
  return size === 2 && first === 0 && second >= 0x80 ? second : null;
}

/** Reads an IA5String of 1 to 127 printable characters; gives null for all else. */
export function parseDerIa5(value: Uint8Array): string | null {
  const size = value[1] ?? 0;
  const text = value.subarray(2);
  if (value[0] !== 0x16 || size === 0 || size >= 0x80 || text.length !== size) return null;
  return text.every((b) => b >= 0x20 && b < 0x7f) ? String.fromCharCode(...text) : null;
}
