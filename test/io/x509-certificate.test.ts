import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeHex } from '../../src/base/bytes.ts';
import {
  type CertificateDescription,
  encodeCertificate,
  encodeDerInteger,
  encodeDerOctets,
  encodeDerText,
  type SignatureScheme,
} from '../../src/io/x509-certificate.ts';
import { basicConstraints, dnsNames, keyUsage, serverAuthentication } from '../../src/io/x509-extensions.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const description = (change: Partial<CertificateDescription> = {}): CertificateDescription => ({
  serial: 0x80n,
  issuer: [
    ['C', 'US'],
    ['CN', 'issuer'],
  ],
  subject: [['CN', 'subject']],
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
  publicKey: ec.publicKey,
  extensions: [],
  scheme: { kind: 'ecdsa', hash: 'sha256' },
  ...change,
});

describe('a certificate', () => {
  it.each<[string, SignatureScheme, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }]>([
    ['ECDSA', { kind: 'ecdsa', hash: 'sha256' }, ec],
    ['RSA PKCS#1', { kind: 'rsa-pkcs1', hash: 'sha384' }, rsa],
    ['RSA-PSS', { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48, explicitTrailer: false }, rsa],
    ['RSA-PSS with trailer', { kind: 'rsa-pss', hash: 'sha512', saltBytes: 32, explicitTrailer: true }, rsa],
  ])('verifies under the key that signed it, and under no other: %s', (_, scheme, pair) => {
    const certificate = new X509Certificate(encodeCertificate(description({ scheme }), pair.privateKey));
    expect(certificate.verify(pair.publicKey)).toBe(true);
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(certificate.verify(other.publicKey)).toBe(false);
  });

  it('says what was described', () => {
    const extensions = [
      basicConstraints(true, 1),
      keyUsage('keyCertSign'),
      serverAuthentication(),
      dnsNames('a.example', 'b.example'),
    ];
    const certificate = new X509Certificate(encodeCertificate(description({ extensions }), ec.privateKey));
    expect(certificate.issuer).toBe('C=US\nCN=issuer');
    expect(certificate.subject).toBe('CN=subject');
    expect(certificate.serialNumber).toBe('80');
    expect(certificate.validFromDate).toEqual(new Date('2026-01-01T00:00:00Z'));
    expect(certificate.validToDate).toEqual(new Date('2027-01-01T00:00:00Z'));
    expect(certificate.ca).toBe(true);
    expect(certificate.subjectAltName).toBe('DNS:a.example, DNS:b.example');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it.each([0n, 1n, 0x7fn, 0x80n, 0xffn, 0x20001n, 2n ** 127n - 1n, 2n ** 127n])(
    'keeps the serial number %i',
    (serial) => {
      const certificate = new X509Certificate(encodeCertificate(description({ serial }), ec.privateKey));
      expect(BigInt(`0x${certificate.serialNumber}`)).toBe(serial);
    },
  );
});

describe('DER values', () => {
  it.each([
    [0, '020100'],
    [0x7f, '02017f'],
    [0x80, '02020080'],
    [0xdb, '020200db'],
    [0x20001, '0203020001'],
  ])('are written as AMD writes them: %i', (value, expected) => {
    expect(encodeHex(encodeDerInteger(value))).toBe(expected);
  });

  it('hold text and octets', () => {
    expect(encodeHex(encodeDerText('Genoa'))).toBe('160547656e6f61');
    expect(encodeHex(encodeDerOctets(Uint8Array.of(1, 2)))).toBe('04020102');
  });
});
