/**
 * A caller's certificate and key as one file that browsers and systems import. Makes it and judges nothing; the one door to node-forge.
 * The library's own maker writes certificates anew and spoils the signatures of some, so here they stay byte for byte. [RFC 7292 4; RFC 8018 6.2]
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import type { PemPair } from './caller-authority.ts';

/** Rounds of PBKDF2 and of the MAC's key derivation between passphrase and keys. */
const ROUNDS = 100_000;
const SALT_BYTES = 16;
const SHA256_BYTES = 32;
/** The purpose of a derived key: integrity. [RFC 7292 B.3] */
const MAC_PURPOSE = 3;

const OID = {
  data: '1.2.840.113549.1.7.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;
const { Class, Type } = asn1;

const bytesOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('binary');
const derOf = (node: Asn1): string => asn1.toDer(node).getBytes();

const sequence = (...nodes: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, nodes);
const set = (...nodes: Asn1[]): Asn1 => asn1.create(Class.UNIVERSAL, Type.SET, true, nodes);
const tagged = (node: Asn1): Asn1 => asn1.create(Class.CONTEXT_SPECIFIC, Type.NONE, true, [node]);
const octets = (bytes: string): Asn1 => asn1.create(Class.UNIVERSAL, Type.OCTETSTRING, false, bytes);
const integer = (n: number): Asn1 => asn1.create(Class.UNIVERSAL, Type.INTEGER, false, asn1.integerToDer(n).getBytes());
const oid = (id: string): Asn1 => asn1.create(Class.UNIVERSAL, Type.OID, false, asn1.oidToDer(id).getBytes());
const nothing = (): Asn1 => asn1.create(Class.UNIVERSAL, Type.NULL, false, '');

/** Text in the form of the attribute; the library writes it as UTF-16. */
const bmp = (text: string): Asn1 => asn1.create(Class.UNIVERSAL, Type.BMPSTRING, false, text);

const data = (content: Asn1): Asn1 => sequence(oid(OID.data), tagged(octets(derOf(content))));
const bag = (kind: string, value: Asn1, attributes: Asn1): Asn1 => sequence(oid(kind), tagged(value), attributes);

/** Vouches for the content under the passphrase. [RFC 7292 4] */
function mac(content: Asn1, passphrase: string): Asn1 {
  const salt = forge.random.getBytesSync(SALT_BYTES);
  const hash = forge.md.sha256.create();
  const buffer = forge.util.createBuffer(salt);
  const key = forge.pkcs12.generateKey(passphrase, buffer, MAC_PURPOSE, ROUNDS, SHA256_BYTES, hash);
  const hmac = forge.hmac.create();
  hmac.start('sha256', key);
  hmac.update(derOf(content));
  const digest = sequence(sequence(oid(OID.sha256), nothing()), octets(hmac.getMac().getBytes()));
  return sequence(digest, octets(salt), integer(ROUNDS));
}

/** Writes certificate and key under a passphrase (AES-256, PBKDF2 with SHA-256); `name` is what a store shows. */
export function encodePkcs12({ certPem, keyPem }: PemPair, name: string, passphrase: string): Uint8Array<ArrayBuffer> {
  const certificate = new X509Certificate(certPem);
  const pkcs8 = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const id = octets(bytesOf(Buffer.from(certificate.fingerprint.replaceAll(':', ''), 'hex')));
  // The same in both bags: it says which key belongs to which certificate.
  const attributes = set(sequence(oid(OID.localKeyId), set(id)), sequence(oid(OID.friendlyName), set(bmp(name))));
  const options = { algorithm: 'aes256', count: ROUNDS, saltSize: SALT_BYTES, prfAlgorithm: 'sha256' } as const;
  const shrouded = forge.pki.encryptPrivateKeyInfo(asn1.fromDer(bytesOf(pkcs8)), passphrase, options);
  const plain = sequence(oid(OID.x509Certificate), tagged(octets(bytesOf(certificate.raw))));
  const content = sequence(
    data(sequence(bag(OID.certBag, plain, attributes))),
    data(sequence(bag(OID.shroudedKeyBag, shrouded, attributes))),
  );
  const file = sequence(integer(3), data(content), mac(content, passphrase));
  return Uint8Array.from(Buffer.from(derOf(file), 'binary'));
}
