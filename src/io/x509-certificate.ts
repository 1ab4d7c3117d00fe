/**
 * Writes X.509 certificates and revocation lists from plain descriptions and signs them with a key of node:crypto. It makes no choice
 * and refuses nothing: names, dates, extensions and algorithms are the caller's. [RFC 5280 4.1, 5.1; RFC 4055 3.1]
 */
import { constants, type KeyObject, sign } from 'node:crypto';
import {
  AsnConvert,
  AsnIA5StringConverter,
  AsnIntegerBigIntConverter,
  AsnOctetStringConverter,
  AsnProp,
  AsnPropTypes,
  OctetString,
} from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  CertificateList,
  Extension,
  Extensions,
  Name,
  RelativeDistinguishedName,
  RevokedCertificate,
  SubjectPublicKeyInfo,
  TBSCertificate,
  TBSCertList,
  Time,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

const HASH_OIDS = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;
const PKCS1_OIDS = {
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
} as const;
const ECDSA_OIDS = {
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
} as const;
const ID_RSASSA_PSS = '1.2.840.113549.1.1.10';
const ID_MGF1 = '1.2.840.113549.1.1.8';

const ATTRIBUTE_OIDS = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
} as const;

type HashName = keyof typeof HASH_OIDS;

/** How a certificate is signed. `explicitTrailer` writes the PSS trailer field although it has its default, as AMD's roots do. */
export type SignatureScheme =
  | {
      readonly kind: 'rsa-pss';
      readonly hash: HashName;
      readonly saltBytes: number;
      readonly explicitTrailer: boolean;
    }
  | { readonly kind: 'rsa-pkcs1'; readonly hash: HashName }
  | { readonly kind: 'ecdsa'; readonly hash: HashName };

/** Attributes of a name in their order, one per relative name. */
export type DistinguishedName = readonly (readonly [keyof typeof ATTRIBUTE_OIDS, string])[];

/** One extension; `value` is the content of extnValue. */
export interface ExtensionDescription {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface CertificateDescription {
  readonly serial: bigint;
  /** As attributes, or as DER that another certificate has as its subject. */
  readonly issuer: DistinguishedName | Uint8Array;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  readonly extensions: readonly ExtensionDescription[];
  readonly scheme: SignatureScheme;
}

export interface RevocationListDescription {
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly { readonly serial: bigint; readonly at: Date }[];
  readonly extensions: readonly ExtensionDescription[];
  readonly scheme: SignatureScheme;
}

/** The parameters of RSASSA-PSS. [RFC 4055 3.1] */
class PssParameters {
  hash: AlgorithmIdentifier = new AlgorithmIdentifier();
  mask: AlgorithmIdentifier = new AlgorithmIdentifier();
  saltBytes = 20;
  trailer?: number;
}
// Decorators are not erasable syntax, so they are applied as the functions that they are.
AsnProp({ type: AlgorithmIdentifier, context: 0 })(PssParameters.prototype, 'hash');
AsnProp({ type: AlgorithmIdentifier, context: 1 })(PssParameters.prototype, 'mask');
AsnProp({ type: AsnPropTypes.Integer, context: 2 })(PssParameters.prototype, 'saltBytes');
AsnProp({ type: AsnPropTypes.Integer, context: 3, optional: true })(PssParameters.prototype, 'trailer');

function algorithmOf(scheme: SignatureScheme): AlgorithmIdentifier {
  if (scheme.kind === 'ecdsa') return new AlgorithmIdentifier({ algorithm: ECDSA_OIDS[scheme.hash] });
  if (scheme.kind === 'rsa-pkcs1') {
    return new AlgorithmIdentifier({ algorithm: PKCS1_OIDS[scheme.hash], parameters: null });
  }
  const pss = new PssParameters();
  pss.hash = new AlgorithmIdentifier({ algorithm: HASH_OIDS[scheme.hash], parameters: null });
  pss.mask = new AlgorithmIdentifier({ algorithm: ID_MGF1, parameters: AsnConvert.serialize(pss.hash) });
  pss.saltBytes = scheme.saltBytes;
  if (scheme.explicitTrailer) pss.trailer = 1;
  return new AlgorithmIdentifier({ algorithm: ID_RSASSA_PSS, parameters: AsnConvert.serialize(pss) });
}

function signBytes(bytes: Uint8Array, scheme: SignatureScheme, signer: KeyObject): ArrayBuffer {
  if (scheme.kind !== 'rsa-pss') return ownBuffer(sign(scheme.hash, bytes, signer));
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return ownBuffer(sign(scheme.hash, bytes, { key: signer, padding, saltLength: scheme.saltBytes }));
}

function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** The content octets of an INTEGER. */
function integerContent(value: bigint): ArrayBuffer {
  return ownBuffer(encodeDerInteger(value).subarray(2));
}

function nameOf(name: DistinguishedName): Name {
  return new Name(
    name.map(([attribute, text]) => {
      const value = new AttributeValue(attribute === 'C' ? { printableString: text } : { utf8String: text });
      return new RelativeDistinguishedName([new AttributeTypeAndValue({ type: ATTRIBUTE_OIDS[attribute], value })]);
    }),
  );
}

function issuerOf(name: DistinguishedName | Uint8Array): Name {
  return name instanceof Uint8Array ? AsnConvert.parse(Uint8Array.from(name), Name) : nameOf(name);
}

/** Gives the subject of a certificate (both DER), to be the issuer of another one. */
export function subjectOf(certificate: Uint8Array): Uint8Array<ArrayBuffer> {
  const { tbsCertificate } = AsnConvert.parse(Uint8Array.from(certificate), Certificate);
  return new Uint8Array(AsnConvert.serialize(tbsCertificate.subject));
}

function extensionsOf(extensions: readonly ExtensionDescription[]): Extension[] {
  return extensions.map(
    ({ oid, critical, value }) => new Extension({ extnID: oid, critical, extnValue: new OctetString(value) }),
  );
}

/** Encodes and signs a certificate; gives DER. `signer` is a private key that fits the scheme. [RFC 5280 4.1] */
export function encodeCertificate(description: CertificateDescription, signer: KeyObject): Uint8Array<ArrayBuffer> {
  const algorithm = algorithmOf(description.scheme);
  const spki = description.publicKey.export({ type: 'spki', format: 'der' });
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: integerContent(description.serial),
    signature: algorithm,
    issuer: issuerOf(description.issuer),
    validity: new Validity({ notBefore: description.notBefore, notAfter: description.notAfter }),
    subject: nameOf(description.subject),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
  });
  if (description.extensions.length > 0)
    tbsCertificate.extensions = new Extensions(extensionsOf(description.extensions));
  const signatureValue = signBytes(new Uint8Array(AsnConvert.serialize(tbsCertificate)), description.scheme, signer);
  return new Uint8Array(
    AsnConvert.serialize(new Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue })),
  );
}

/** Encodes and signs a version 2 revocation list; gives DER. [RFC 5280 5.1] */
export function encodeRevocationList(
  description: RevocationListDescription,
  signer: KeyObject,
): Uint8Array<ArrayBuffer> {
  const algorithm = algorithmOf(description.scheme);
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature: algorithm,
    issuer: nameOf(description.issuer),
    thisUpdate: new Time(description.thisUpdate),
    nextUpdate: new Time(description.nextUpdate),
    crlExtensions: extensionsOf(description.extensions),
  });
  if (description.revoked.length > 0) {
    tbsCertList.revokedCertificates = description.revoked.map(
      ({ serial, at }) =>
        new RevokedCertificate({ userCertificate: integerContent(serial), revocationDate: new Time(at) }),
    );
  }
  const signature = signBytes(new Uint8Array(AsnConvert.serialize(tbsCertList)), description.scheme, signer);
  return new Uint8Array(
    AsnConvert.serialize(new CertificateList({ tbsCertList, signatureAlgorithm: algorithm, signature })),
  );
}

/** Encodes a DER INTEGER. */
export function encodeDerInteger(value: bigint | number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(AsnIntegerBigIntConverter.toASN(BigInt(value)).toBER());
}

/** Encodes a DER IA5String. */
export function encodeDerText(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(AsnIA5StringConverter.toASN(text).toBER());
}

/** Encodes a DER OCTET STRING. */
export function encodeDerOctets(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(AsnOctetStringConverter.toASN(ownBuffer(bytes)).toBER());
}
