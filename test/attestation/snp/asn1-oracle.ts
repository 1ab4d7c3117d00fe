/**
 * The decoder that tests compare with: the same values by way of @peculiar/asn1-x509, which alone is lenient (BER, trailing bytes, list items
 * that it cannot read are dropped), so what does not encode back to the same bytes is refused.
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
import type { X509Certificate, X509Crl, X509Extension, X509Name } from '../../../src/attestation/snp/der.ts';
import { isDerElement } from '../../../src/attestation/snp/der-reader.ts';
import { encodeHex, equalBytes } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const copy = (buffer: ArrayBuffer): Bytes => new Uint8Array(buffer.slice(0));
const encode = (value: unknown): Bytes => new Uint8Array(AsnConvert.serialize(value));

/** A class of @peculiar/asn1-x509. */
type Schema<T> = new () => T;

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
  return [...(extensions ?? [])].map((e) => ({ oid: e.extnID, critical: e.critical, value: copy(e.extnValue.buffer) }));
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
