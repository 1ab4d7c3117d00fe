/** Certificates and revocation lists: strict DER, and arbitrary bytes give a value or null. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseBasicConstraints,
  parseCertificate,
  parseCrl,
  parseDerByte,
  parseDerIa5,
  parseKeyUsage,
} from '../../../src/attestation/snp/der.ts';
import { isDerElement } from '../../../src/attestation/snp/der-reader.ts';
import { isPem, parsePemCertificates } from '../../../src/attestation/snp/pem.ts';
import {
  importPssKey,
  isAmdSignatureAlgorithm,
  isP384Key,
  isPssSignature,
  isRsa4096Key,
  isSignedP384,
} from '../../../src/attestation/snp/signature.ts';
import { encodeBase64, encodeUtf8, parseHex } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';

const amd = await sharedAmd();
const { certificates, crl } = await amd.issueReport({ crl: { revoked: [7n] } });
const [vek = new Uint8Array()] = certificates;
const key = await importPssKey(parseCertificate(certificates[2] ?? vek)?.spki ?? new Uint8Array());
const list = crl ?? new Uint8Array();
const bytes = (hex: string): Uint8Array => parseHex(hex) ?? new Uint8Array();

describe('a certificate', () => {
  it('is read with the bytes that were signed', () => {
    const certificate = parseCertificate(vek);
    expect(certificate?.subject.commonName).toBe('SEV-VCEK');
    expect(certificate?.version).toBe(3);
    expect(vek.subarray(4, 4 + (certificate?.tbs.length ?? 0))).toEqual(certificate?.tbs);
  });

  it('with one byte more or less is none', () => {
    expect(parseCertificate(Uint8Array.from([...vek, 0]))).toBeNull();
    expect(parseCertificate(vek.subarray(0, -1))).toBeNull();
    expect(parseCertificate(new Uint8Array(LIMITS.certificateBytes + 1))).toBeNull();
  });

  it('in BER is none', () => {
    // The outer length in three octets where two are enough, and the indefinite form.
    expect(parseCertificate(Uint8Array.from([0x30, 0x83, 0, ...vek.subarray(2)]))).toBeNull();
    expect(parseCertificate(Uint8Array.from([0x30, 0x80, ...vek.subarray(4), 0, 0]))).toBeNull();
  });

  it('never comes back as another, whatever one byte is changed', () => {
    fc.assert(
      fc.property(fc.nat(vek.length - 1), fc.nat(255), (at, value) => {
        const changed = Uint8Array.from(vek);
        changed[at] = value;
        const parsed = parseCertificate(changed);
        if (parsed !== null) expect(parsed.der).toEqual(changed);
      }),
    );
  });
});

describe('a revocation list', () => {
  it('is read with its serials', () => {
    expect(parseCrl(list)?.revoked).toEqual([{ serial: 7n, criticalExtensions: [] }]);
    expect(parseCrl(list)?.version).toBe(2);
  });

  it('with one byte more is none, and an entry that is none is not dropped', () => {
    expect(parseCrl(Uint8Array.from([...list, 0]))).toBeNull();
    const text = Array.from(list, (b) => String.fromCharCode(b)).join('');
    const at = text.indexOf('\x02\x01\x07\x17\x0d');
    expect(at).toBeGreaterThan(0);
    const changed = Uint8Array.from(list);
    changed[at] = 0x04;
    expect(parseCrl(changed)).toBeNull();
  });
});

describe('any bytes', () => {
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.tuple(fc.constantFrom(vek, list), fc.nat(), fc.nat(255)).map(([base, at, value]) => {
      const changed = Uint8Array.from(base);
      changed[at % base.length] = value;
      return changed;
    }),
  );

  it('give a value or null', () => {
    fc.assert(
      fc.property(input, (data) => {
        for (const parse of [
          parseCertificate,
          parseCrl,
          parseBasicConstraints,
          parseKeyUsage,
          parseDerByte,
          parseDerIa5,
          parsePemCertificates,
        ])
          expect(() => parse(data)).not.toThrow();
      }),
    );
  });

  it('verify nothing as keys and signatures', async () => {
    expect(key).not.toBeNull();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), async (data) => {
        const copy = Uint8Array.from(data);
        expect(await importPssKey(copy)).toBeNull();
        expect(key !== null && (await isPssSignature(key, copy, copy))).toBe(false);
        expect(await isSignedP384(copy, 1n, 1n, copy)).toBe(false);
        expect([isAmdSignatureAlgorithm(data), isRsa4096Key(data), isP384Key(data)]).toEqual([false, false, false]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('DER', () => {
  it.each([
    ['0500', true],
    ['3000', true],
    ['30020500', true],
    ['', false],
    ['05', false],
    ['050000', false],
    ['05000500', false],
    ['30030500', false],
    ['3001', false],
    ['30800000', false],
    ['0481050000000000', false],
    ['0482000100', false],
    ['1f8101', false],
    ['3002050000', false],
  ])('%s is one element: %s', (hex, expected) => expect(isDerElement(bytes(hex))).toBe(expected));

  it('deeper than the cap is none, without recursion', () => {
    const nested = (depth: number): Uint8Array =>
      Array.from({ length: depth }).reduce<Uint8Array>(
        (inner) => Uint8Array.from([0x30, inner.length, ...inner]),
        Uint8Array.of(5, 0),
      );
    expect(isDerElement(nested(LIMITS.nesting - 1))).toBe(true);
    expect(isDerElement(nested(LIMITS.nesting))).toBe(false);
  });

  it.each([
    ['020100', 0],
    ['02017f', 127],
    ['02020080', 128],
    ['020200ff', 255],
    ['0201de', null],
    ['0202007f', null],
    ['02020100', null],
    ['0200', null],
    ['02010000', null],
    ['040100', null],
    ['', null],
  ])('%s as a level is %s', (hex, expected) => expect(parseDerByte(bytes(hex))).toBe(expected));

  it.each([
    ['160547656e6f61', 'Genoa'],
    ['160447656e6f61', null],
    ['1600', null],
    ['16010a', null],
    ['1601ff', null],
    ['0c0141', null],
  ])('%s as a name is %s', (hex, expected) => expect(parseDerIa5(bytes(hex))).toBe(expected));
});

describe('PEM', () => {
  const pem = (der: Uint8Array): string =>
    `-----BEGIN CERTIFICATE-----\n${encodeBase64(der)}\n-----END CERTIFICATE-----\n`;
  const read = (text: string): readonly Uint8Array[] | null => parsePemCertificates(encodeUtf8(text));

  it('gives its certificates in order', () => {
    expect(isPem(encodeUtf8(pem(vek)))).toBe(true);
    expect(read(pem(vek) + pem(list))).toEqual([vek, list]);
  });

  it.each(['', 'x', `x${pem(vek)}`, `${pem(vek)}x`, pem(vek).replace('END', 'AND'), pem(vek).replace('M', '*')])(
    'that is not exactly that is refused (%#)',
    (text) => expect(read(text)).toBeNull(),
  );
});
