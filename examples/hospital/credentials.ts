/**
 * Makes what the people of the hospital example hold: the research authority and its callers' certificates, the token issuer's key
 * set and a token, and the certificate of the lookup service. Everything is new each time and good for a day.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { type DistinguishedName, encodeCertificate } from '../../src/io/x509-certificate.ts';
import { basicConstraints, dnsNames, keyUsage } from '../../src/io/x509-extensions.ts';

/** A certificate and its key, both PEM. */
export interface PemPair {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface HospitalCredentials {
  readonly researchCaPem: string;
  /** Listed: issued by the research authority, organization Research. */
  readonly analyst: PemPair;
  /** Not listed: issued by the same authority, organization Marketing. */
  readonly stranger: PemPair;
  /** JSON text of the token issuer's key set. */
  readonly jwks: string;
  /** Listed: a token with the role clinician. */
  readonly clinicianToken: string;
  readonly lookupCaPem: string;
  readonly lookup: PemPair;
}

const DAY_MS = 86_400_000;

interface Issuer {
  readonly name: DistinguishedName;
  readonly key: KeyObject;
  readonly certPem: string;
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' });
}

/** Issues a certificate on a new P-256 key; an authority when `issuer` is null. */
function issue(name: DistinguishedName, issuer: Issuer | null, now: Date, dnsName: string | null): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    basicConstraints(issuer === null, null),
    issuer === null ? keyUsage('keyCertSign', 'cRLSign') : keyUsage('digitalSignature'),
    ...(dnsName === null ? [] : [dnsNames(dnsName)]),
  ];
  const der = encodeCertificate(
    {
      serial: BigInt(`0x00${randomBytes(15).toString('hex')}`),
      issuer: issuer?.name ?? name,
      subject: name,
      notBefore: new Date(now.getTime() - 60_000),
      notAfter: new Date(now.getTime() + DAY_MS),
      publicKey,
      extensions,
      scheme: { kind: 'ecdsa', hash: 'sha256' },
    },
    issuer?.key ?? privateKey,
  );
  return { name, key: privateKey, certPem: pem(der) };
}

function pairOf({ certPem, key }: Issuer): PemPair {
  return { certPem, keyPem: keyPem(key) };
}

/** Makes a full set; `lookupName` is the DNS name of the service that the policy lists under `egress`. */
export async function makeCredentials(lookupName: string, now: Date): Promise<HospitalCredentials> {
  const research = issue(
    [
      ['O', 'Hospital A'],
      ['CN', 'Research CA'],
    ],
    null,
    now,
    null,
  );
  const services = issue(
    [
      ['O', 'Hospital A'],
      ['CN', 'Services CA'],
    ],
    null,
    now,
    null,
  );
  const issuerKey = generateKeyPairSync('ed25519');
  const jwk = { ...(await exportJWK(issuerKey.publicKey)), alg: 'EdDSA', kid: 'demo', use: 'sig' };
  const seconds = Math.floor(now.getTime() / 1000);
  const clinicianToken = await new SignJWT({ role: 'clinician' })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'demo', typ: 'JWT' })
    .setIssuer('https://id.hospital-a.example')
    .setAudience('risk')
    .setSubject('dr-lovelace')
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + 3600)
    .sign(issuerKey.privateKey);
  return {
    researchCaPem: research.certPem,
    analyst: pairOf(
      issue(
        [
          ['O', 'Research'],
          ['CN', 'Ada'],
        ],
        research,
        now,
        null,
      ),
    ),
    stranger: pairOf(
      issue(
        [
          ['O', 'Marketing'],
          ['CN', 'Mallory'],
        ],
        research,
        now,
        null,
      ),
    ),
    jwks: JSON.stringify({ keys: [jwk] }),
    clinicianToken,
    lookupCaPem: services.certPem,
    lookup: pairOf(
      issue(
        [
          ['O', 'Hospital A'],
          ['CN', lookupName],
        ],
        services,
        now,
        lookupName,
      ),
    ),
  };
}
