/**
 * What a worker is for as long as it runs: a TLS key with a self-signed certificate, a sealing key and a random instance name, all made
 * in memory at boot and gone with it. The certificate proves nothing by itself; evidence vouches for its key. [RFC 5280 4.1; RFC 9458 3.1]
 */
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { encodeKeyConfiguration } from '../attestation/key-configuration.ts';
import { sha256 } from '../base/digest.ts';
import { encodeCertificatePem } from '../io/pem.ts';
import { randomBytes, randomSerial } from '../io/random.ts';
import { type DistinguishedName, encodeCertificate } from '../io/x509-certificate.ts';
import { basicConstraints, keyUsage, serverAuthentication } from '../io/x509-extensions.ts';

const NAME: DistinguishedName = [['CN', 'anchorhold worker']];

/** The key lives as long as the process, so the certificate states no end. [RFC 5280 4.1.2.5] */
const NO_END = new Date('9999-12-31T23:59:59Z');

/** Clients' clocks may be behind by this much. */
const CLOCK_SKEW_MS = 24 * 60 * 60 * 1000;

/** The key that owners seal data and secrets to; it is gone with this run of the worker. */
interface SealingKey {
  /** X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** X25519 for `deriveBits`; it cannot be exported. */
  readonly privateKey: webcrypto.CryptoKey;
  /** HPKE key configuration for the claims: X25519, HKDF-SHA256, AES-256-GCM; 41 bytes. [RFC 9458 3.1] */
  readonly keyConfiguration: Uint8Array;
}

export interface Identity {
  /** PKCS#8 of the P-256 key: node:tls takes keys in no other form. It goes to the listener and nowhere else. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** SHA-256 of the TLS key's SubjectPublicKeyInfo, 32 bytes. */
  readonly spkiDigest: Uint8Array;
  /** 16 random bytes that name this run of the worker. */
  readonly instance: Uint8Array;
  readonly sealing: SealingKey;
}

async function makeSealingKey(): Promise<SealingKey> {
  const made = await webcrypto.subtle.generateKey('X25519', false, ['deriveBits']);
  const pair = made as webcrypto.CryptoKeyPair;
  const publicKey = new Uint8Array(await webcrypto.subtle.exportKey('raw', pair.publicKey));
  return { publicKey, privateKey: pair.privateKey, keyConfiguration: encodeKeyConfiguration(publicKey) };
}

/** Makes the keys and the certificate of a worker that boots at `now`. */
export async function openIdentity(now: Date): Promise<Identity> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = encodeCertificate(
    {
      serial: randomSerial(),
      issuer: NAME,
      subject: NAME,
      notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
      notAfter: NO_END,
      publicKey,
      extensions: [basicConstraints(false, null), keyUsage('digitalSignature'), serverAuthentication()],
      scheme: { kind: 'ecdsa', hash: 'sha256' },
    },
    privateKey,
  );
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificatePem: encodeCertificatePem(certificate),
    spkiDigest: sha256(publicKey.export({ type: 'spki', format: 'der' })),
    instance: randomBytes(16),
    sealing: await makeSealingKey(),
  };
}
