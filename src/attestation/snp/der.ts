/**
 * X.509 certificates and CRLs from DER, and the few DER values inside AMD's extensions. What is not exactly that, to the last byte, is
 * null. Reads form only; nothing here is believed before chain.ts. [X.690 10; RFC 5280 4.1, 5.1]
 */
import { encodeHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { type DerReader, readDer, TAG } from './der-reader.ts';

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

/** Tags of the context class: explicit around a value, or implicit in place of BIT STRING. [RFC 5280 4.1, 5.1] */
const CERTIFICATE_VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const CERTIFICATE_EXTENSIONS = 0xa3;
const CRL_EXTENSIONS = 0xa0;

const COMMON_NAME = '2.5.4.3';

/** Bits in the first octet of KeyUsage. [RFC 5280 4.2.1.3] */
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;

function readAlgorithm(reader: DerReader): Bytes {
  const { der } = reader.whole(TAG.sequence, (algorithm) => {
    algorithm.oid();
    if (algorithm.tag !== null) algorithm.element();
  });
  return der;
}

function readName(reader: DerReader): X509Name {
  const attributes: string[] = [];
  let commonName = '';
  const readAttribute = (attribute: DerReader): void => {
    const type = attribute.oid();
    const text = attribute.text();
    attributes.push(`${type}=${text}`);
    if (type === COMMON_NAME) commonName = text;
  };
  const { der } = reader.whole(TAG.sequence, (names) => {
    while (names.tag !== null) names.all(TAG.set, (name) => name.inside(TAG.sequence, readAttribute));
  });
  return { der, attributes, commonName };
}

function readExtensions(reader: DerReader): readonly X509Extension[] {
  return reader.all(TAG.sequence, (extensions) =>
    extensions.inside(TAG.sequence, (extension) => ({
      oid: extension.oid(),
      critical: extension.flag(),
      value: extension.content(TAG.octetString),
    })),
  );
}

const readSerial = (reader: DerReader): bigint => BigInt(`0x${encodeHex(reader.integer())}`);

const readPublicKey = (reader: DerReader): Bytes =>
  reader.whole(TAG.sequence, (spki) => {
    readAlgorithm(spki);
    spki.octetBits();
  }).der;

/** Reads the parts of a certificate or a CRL: what is signed, how, and the signature. */
function readSigned<T>(der: Bytes, readContent: (tbs: DerReader) => T): (T & SignedParts) | null {
  return readDer(der, (reader) =>
    reader.inside(TAG.sequence, (parts) => {
      const { der: tbs, value } = parts.whole(TAG.sequence, readContent);
      return { ...value, der, tbs, outerAlgorithm: readAlgorithm(parts), signature: parts.octetBits() };
    }),
  );
}

type SignedParts = Pick<Signed, 'der' | 'tbs' | 'outerAlgorithm' | 'signature'>;

/** Decodes a certificate within the cap; gives null for anything that is not exactly one in DER. [RFC 5280 4.1] */
export function parseCertificate(der: Uint8Array): X509Certificate | null {
  if (der.length > LIMITS.certificateBytes) return null;
  return readSigned(new Uint8Array(der), (tbs) => {
    const version = tbs.optional(CERTIFICATE_VERSION, () =>
      tbs.inside(CERTIFICATE_VERSION, (explicit) => explicit.smallInteger()),
    );
    // Version 1 is the default, which DER leaves out.
    if (version === 0) tbs.refuse();
    const serial = readSerial(tbs);
    const innerAlgorithm = readAlgorithm(tbs);
    const issuer = readName(tbs);
    const [notBefore, notAfter] = tbs.inside(TAG.sequence, (validity) => [validity.time(), validity.time()] as const);
    const subject = readName(tbs);
    const spki = readPublicKey(tbs);
    tbs.optional(ISSUER_UNIQUE_ID, () => tbs.octetBits(ISSUER_UNIQUE_ID));
    tbs.optional(SUBJECT_UNIQUE_ID, () => tbs.octetBits(SUBJECT_UNIQUE_ID));
    const extensions = tbs.optional(CERTIFICATE_EXTENSIONS, () => tbs.inside(CERTIFICATE_EXTENSIONS, readExtensions));
    return {
      version: (version ?? 0) + 1,
      serial,
      innerAlgorithm,
      issuer,
      notBefore,
      notAfter,
      subject,
      spki,
      extensions: extensions ?? [],
    };
  });
}

/** Decodes a CRL within the cap; gives null for anything that is not exactly one in DER. [RFC 5280 5.1] */
export function parseCrl(der: Uint8Array): X509Crl | null {
  if (der.length > LIMITS.crlBytes) return null;
  return readSigned(new Uint8Array(der), (tbs) => {
    const version = tbs.optional(TAG.integer, () => tbs.smallInteger());
    const innerAlgorithm = readAlgorithm(tbs);
    const issuer = readName(tbs);
    const thisUpdate = tbs.time();
    const nextUpdate = isTime(tbs.tag) ? tbs.time() : null;
    const revoked = tbs.optional(TAG.sequence, () => tbs.all(TAG.sequence, readRevoked));
    const extensions = tbs.optional(CRL_EXTENSIONS, () => tbs.inside(CRL_EXTENSIONS, readExtensions));
    return {
      version: (version ?? 0) + 1,
      innerAlgorithm,
      issuer,
      thisUpdate,
      nextUpdate,
      revoked: revoked ?? [],
      extensions: extensions ?? [],
    };
  });
}

const isTime = (tag: number | null): boolean => tag === TAG.utcTime || tag === TAG.generalizedTime;

function readRevoked(reader: DerReader): X509Crl['revoked'][number] {
  return reader.inside(TAG.sequence, (entry) => {
    const serial = readSerial(entry);
    entry.time();
    const extensions = entry.optional(TAG.sequence, readExtensions) ?? [];
    return { serial, criticalExtensions: extensions.filter((e) => e.critical).map((e) => e.oid) };
  });
}

/** Reads BasicConstraints; gives null when it is not exactly that. [RFC 5280 4.2.1.9] */
export function parseBasicConstraints(
  value: Bytes,
): { readonly ca: boolean; readonly pathLength: number | null } | null {
  return readDer(value, (reader) =>
    reader.inside(TAG.sequence, (constraints) => ({
      ca: constraints.flag(),
      pathLength: constraints.optional(TAG.integer, () => constraints.smallInteger()),
    })),
  );
}

/** Reads KeyUsage; gives null when it is not exactly that. [RFC 5280 4.2.1.3] */
export function parseKeyUsage(value: Bytes): { readonly certificateSign: boolean; readonly crlSign: boolean } | null {
  return readDer(value, (reader) => {
    const [bits = 0] = reader.bits();
    return { certificateSign: (bits & KEY_CERT_SIGN) !== 0, crlSign: (bits & CRL_SIGN) !== 0 };
  });
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
