/** The standard extensions that our certificates and revocation lists carry, as values for x509-certificate.ts. [RFC 5280 4.2, 5.2] */
import { createHash, type KeyObject } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  BasicConstraints,
  CRLDistributionPoints,
  CRLNumber,
  DistributionPoint,
  DistributionPointName,
  ExtendedKeyUsage,
  GeneralName,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509';
import type { ExtensionDescription } from './x509-certificate.ts';

/** Object identifiers of the standard extensions. */
export const STANDARD_EXTENSION_OIDS = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  crlDistributionPoints: '2.5.29.31',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

function extension(
  name: keyof typeof STANDARD_EXTENSION_OIDS,
  critical: boolean,
  content: unknown,
): ExtensionDescription {
  return { oid: STANDARD_EXTENSION_OIDS[name], critical, value: new Uint8Array(AsnConvert.serialize(content)) };
}

/** Computes the usual key identifier: SHA-1 of the public key's bit string, a name and not a proof. [RFC 5280 4.2.1.2] */
function keyIdentifier(publicKey: KeyObject): Uint8Array {
  const spki = AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo);
  return createHash('sha1').update(new Uint8Array(spki.subjectPublicKey)).digest();
}

/** Names the subject's own key. [RFC 5280 4.2.1.2] */
export function subjectKeyIdentifier(publicKey: KeyObject): ExtensionDescription {
  return extension('subjectKeyIdentifier', false, new SubjectKeyIdentifier(keyIdentifier(publicKey)));
}

/** Names the issuer's key. [RFC 5280 4.2.1.1] */
export function authorityKeyIdentifier(publicKey: KeyObject): ExtensionDescription {
  const value = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdentifier(publicKey)) });
  return extension('authorityKeyIdentifier', false, value);
}

/** Says whether the subject is an authority, and how many authorities may follow (null: any number). [RFC 5280 4.2.1.9] */
export function basicConstraints(authority: boolean, pathLength: number | null): ExtensionDescription {
  const value = new BasicConstraints({ cA: authority });
  if (pathLength !== null) value.pathLenConstraint = pathLength;
  return extension('basicConstraints', true, value);
}

/** Says what the key is for. [RFC 5280 4.2.1.3] */
export function keyUsage(...usages: readonly (keyof typeof KeyUsageFlags)[]): ExtensionDescription {
  const flags = usages.reduce((sum, usage) => sum | KeyUsageFlags[usage], 0);
  return extension('keyUsage', true, new KeyUsage(flags));
}

/** Says that the key is for TLS servers. [RFC 5280 4.2.1.12] */
export function serverAuthentication(): ExtensionDescription {
  return extension('extendedKeyUsage', false, new ExtendedKeyUsage([SERVER_AUTH]));
}

/** Says that the key is for TLS clients. [RFC 5280 4.2.1.12] */
export function clientAuthentication(): ExtensionDescription {
  return extension('extendedKeyUsage', false, new ExtendedKeyUsage([CLIENT_AUTH]));
}

/** Names the subject by an e-mail address, or by a DNS name when there is no `@` in it. [RFC 5280 4.2.1.6] */
export function alternativeNames(name: string): ExtensionDescription {
  const value = new GeneralName(name.includes('@') ? { rfc822Name: name } : { dNSName: name });
  return extension('subjectAlternativeName', false, new SubjectAlternativeName([value]));
}

/** Lists DNS names of the subject. [RFC 5280 4.2.1.6] */
export function dnsNames(...names: readonly string[]): ExtensionDescription {
  const value = new SubjectAlternativeName(names.map((dNSName) => new GeneralName({ dNSName })));
  return extension('subjectAlternativeName', false, value);
}

/** Says where the issuer's revocation list is. [RFC 5280 4.2.1.13] */
export function crlDistributionPoint(url: string): ExtensionDescription {
  const fullName = [new GeneralName({ uniformResourceIdentifier: url })];
  const point = new DistributionPoint({ distributionPoint: new DistributionPointName({ fullName }) });
  return extension('crlDistributionPoints', false, new CRLDistributionPoints([point]));
}

/** Numbers a revocation list. [RFC 5280 5.2.3] */
export function crlNumber(number: number): ExtensionDescription {
  return extension('crlNumber', false, new CRLNumber(number));
}
