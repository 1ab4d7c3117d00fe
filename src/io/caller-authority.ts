/**
 * A small authority that an owner keeps for the callers of a policy: makes it, and certifies callers with it. Who may ask what is not decided
 * here, and it keeps no list of what it issued: an owner takes a certificate back in the policy. [RFC 5280 4.1, 4.2]
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { SecretError } from '../errors.ts';
import { encodeCertificatePem } from './pem.ts';
import { randomSerial } from './random.ts';
import { type DistinguishedName, encodeCertificate, type SignatureScheme, subjectOf } from './x509-certificate.ts';
import {
  alternativeNames,
  authorityKeyIdentifier,
  basicConstraints,
  clientAuthentication,
  keyUsage,
  subjectKeyIdentifier,
} from './x509-extensions.ts';

/** A certificate and its private key, both PEM; the key is PKCS #8. */
export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What a certificate is to say of a caller; null where it says nothing. */
export interface CallerSubject {
  readonly name: string;
  readonly organization: string | null;
  /** A DNS name, or an e-mail address. */
  readonly san: string | null;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Clocks of workers may be behind by this much. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

function writeKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

function validFrom(now: Date, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(now.getTime() - CLOCK_SKEW_MS), notAfter: new Date(now.getTime() + days * DAY_MS) };
}

/** Makes an authority of its own, on P-256, good for ten years; it can certify callers, and no other authorities. */
export function makeAuthority(name: string, now: Date): PemPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject: DistinguishedName = [['CN', name]];
  const der = encodeCertificate(
    {
      serial: randomSerial(),
      issuer: subject,
      subject,
      ...validFrom(now, AUTHORITY_DAYS),
      publicKey,
      extensions: [basicConstraints(true, 0), keyUsage('keyCertSign'), subjectKeyIdentifier(publicKey)],
      scheme: { kind: 'ecdsa', hash: 'sha256' },
    },
    privateKey,
  );
  return { certPem: encodeCertificatePem(der), keyPem: writeKey(privateKey) };
}

/** An authority that is ready to certify. */
interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly scheme: SignatureScheme;
}

function openAuthority({ certPem, keyPem }: PemPair): Authority {
  const fail = (why: string, cause?: unknown): SecretError =>
    new SecretError('ERR_SECRET_UNREADABLE', `the authority cannot be used: ${why}`, { cause });
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(certPem);
    key = createPrivateKey(keyPem);
  } catch (cause) {
    throw fail('its certificate or its key is not PEM that can be read without a passphrase', cause);
  }
  if (!certificate.checkPrivateKey(key)) throw fail('the key is not that of the certificate');
  if (!certificate.ca) throw fail('its certificate is not an authority’s');
  const kind = key.asymmetricKeyType;
  if (kind === 'ec') return { certificate, key, scheme: { kind: 'ecdsa', hash: 'sha256' } };
  if (kind === 'rsa') return { certificate, key, scheme: { kind: 'rsa-pkcs1', hash: 'sha256' } };
  throw fail('its key must be one on an elliptic curve, or RSA');
}

/**
 * Certifies a caller on a new key (P-256), for client authentication only.
 * @throws SecretError ERR_SECRET_UNREADABLE when the authority's certificate or key cannot be used
 */
export function certifyCaller(authority: PemPair, subject: CallerSubject, days: number, now: Date): PemPair {
  const { certificate, key, scheme } = openAuthority(authority);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { name, organization, san } = subject;
  const der = encodeCertificate(
    {
      serial: randomSerial(),
      issuer: subjectOf(certificate.raw),
      subject: [...(organization === null ? [] : ([['O', organization]] as const)), ['CN', name]],
      ...validFrom(now, days),
      publicKey,
      extensions: [
        basicConstraints(false, null),
        keyUsage('digitalSignature'),
        clientAuthentication(),
        subjectKeyIdentifier(publicKey),
        authorityKeyIdentifier(certificate.publicKey),
        ...(san === null ? [] : [alternativeNames(san)]),
      ],
      scheme,
    },
    key,
  );
  return { certPem: encodeCertificatePem(der), keyPem: writeKey(privateKey) };
}
