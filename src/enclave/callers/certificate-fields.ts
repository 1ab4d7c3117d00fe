/**
 * Reads the fields of a certificate that decide about callers, from its ASN.1 and never from a printed form, in which one name can be made
 * to look like two. Judges nothing; gives null for what it cannot read exactly. [RFC 5280 4.1, 4.2]
 */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  KeyUsage,
  KeyUsageFlags,
  type Name,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509';

const ORGANIZATION = '2.5.4.10';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const EXTENDED_KEY_USAGE = '2.5.29.37';

/** Extensions that are understood here, or that say nothing about whether to trust. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  KEY_USAGE,
  SUBJECT_ALTERNATIVE_NAME,
  BASIC_CONSTRAINTS,
  EXTENDED_KEY_USAGE,
]);

export interface CertificateFields {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Object identifier of the signature's algorithm. */
  readonly signatureAlgorithm: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  readonly isAuthority: boolean;
  /** How many authorities may follow below; null when it is not limited. */
  readonly pathLength: number | null;
  /** null when the certificate does not say. */
  readonly usage: { readonly signsCertificates: boolean; readonly signs: boolean } | null;
  /** Object identifiers of the extended purposes; null when the certificate does not say. */
  readonly purposes: readonly string[] | null;
  /** Critical extensions that nobody here understands: such a certificate may not be used. [RFC 5280 4.2] */
  readonly unknownCritical: readonly string[];
}

function organizations(subject: Name): string[] {
  return subject.flatMap((relative) =>
    relative
      .filter(({ type }) => type === ORGANIZATION)
      // Other string types have more than one reading; such an organization equals none.
      .map(({ value }) => value.utf8String ?? value.printableString ?? ''),
  );
}

function readFields(der: Uint8Array): CertificateFields | null {
  const certificate = AsnConvert.parse(Uint8Array.from(der), Certificate);
  const { tbsCertificate } = certificate;
  const all: readonly Extension[] = [...(tbsCertificate.extensions ?? [])];
  if (new Set(all.map(({ extnID }) => extnID)).size !== all.length) return null;
  function read<T>(oid: string, type: new () => T): T | null {
    const found = all.find(({ extnID }) => extnID === oid);
    return found === undefined ? null : AsnConvert.parse(found.extnValue, type);
  }
  const constraints = read(BASIC_CONSTRAINTS, BasicConstraints);
  const usage = read(KEY_USAGE, KeyUsage)?.toNumber() ?? null;
  const purposes = read(EXTENDED_KEY_USAGE, ExtendedKeyUsage);
  const names = [...(read(SUBJECT_ALTERNATIVE_NAME, SubjectAlternativeName) ?? [])];
  return {
    notBefore: tbsCertificate.validity.notBefore.getTime(),
    notAfter: tbsCertificate.validity.notAfter.getTime(),
    signatureAlgorithm: certificate.signatureAlgorithm.algorithm,
    organizations: organizations(tbsCertificate.subject),
    dnsNames: names.flatMap(({ dNSName }) => (dNSName === undefined ? [] : [dNSName])),
    emails: names.flatMap(({ rfc822Name }) => (rfc822Name === undefined ? [] : [rfc822Name])),
    isAuthority: constraints?.cA === true,
    pathLength: constraints?.pathLenConstraint ?? null,
    usage:
      usage === null
        ? null
        : {
            signsCertificates: (usage & KeyUsageFlags.keyCertSign) !== 0,
            signs: (usage & KeyUsageFlags.digitalSignature) !== 0,
          },
    purposes: purposes === null ? null : [...purposes],
    unknownCritical: all
      .filter(({ critical, extnID }) => critical && !UNDERSTOOD.has(extnID))
      .map(({ extnID }) => extnID),
  };
}

/** Reads the fields of one DER certificate; gives null when it cannot be read or has an extension twice. */
export function parseCertificateFields(der: Uint8Array): CertificateFields | null {
  try {
    return readFields(der);
  } catch {
    return null;
  }
}
