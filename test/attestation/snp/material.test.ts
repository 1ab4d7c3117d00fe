/** The material of a chain as hosts and services hand it over: doubled, in another order, in PEM with white space, under roots that lack something. */
import { describe, expect, it } from 'vitest';
import { appraiseReport } from '../../../src/attestation/report-appraisal.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import { isPem, parsePem, parsePemCertificates } from '../../../src/attestation/snp/pem.ts';
import { findProduct, type Product } from '../../../src/attestation/snp/product.ts';
import { parseReport } from '../../../src/attestation/snp/report.ts';
import { checkReportSignature } from '../../../src/attestation/snp/report-signature.ts';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import type { IssuedReport, MachineOptions } from '../../../src/testing/index.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const amd = await sharedAmd();
const healthy = await amd.issueReport();

const failed = async (issued: IssuedReport, certificates = issued.certificates): Promise<readonly string[]> => {
  const { checks } = await appraiseReport(
    { ...issued, certificates },
    anyReport({ ...ANY_MACHINE, revocation: 'required' }),
    { simulated: [issued.rootFingerprint] },
    NOW,
    createChainCache(),
    createCrlNumbers([]),
  );
  return checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
};

describe('certificates', () => {
  it('may all be there twice, in any order', async () => {
    const { certificates } = healthy;
    expect(await failed(healthy, [...certificates, ...certificates.toReversed()])).toEqual([]);
    const [vek = new Uint8Array(), ask = new Uint8Array()] = certificates;
    // As many as the cap, of which three count.
    expect(await failed(healthy, [...certificates, ...certificates, vek, ask])).toEqual([]);
    expect(await failed(healthy, [...certificates, ...certificates, ...certificates])).toEqual(['certificates-form']);
    for (const twice of certificates) expect(await failed(healthy, [twice, ...certificates])).toEqual([]);
  });

  it.each<[string, MachineOptions, readonly string[]]>([
    ['without a key usage', { ark: { extensions: { keyUsage: null } } }, ['chain-authority', 'crl-issuer']],
    [
      'with a key usage that cannot be read',
      { ark: { extensions: { keyUsage: { critical: true, value: Uint8Array.of(5, 0) } } } },
      ['chain-authority', 'crl-issuer'],
    ],
    [
      'that may sign lists and nothing else',
      { ark: { extensions: { keyUsage: { critical: true, value: Uint8Array.of(3, 2, 1, 2) } } } },
      ['chain-authority'],
    ],
    [
      'with its key usage behind other extensions',
      { ark: { extensions: { keyUsage: null, '1.2.3': Uint8Array.of(5, 0) } } },
      ['chain-authority', 'crl-issuer'],
    ],
  ])('may have a root %s, and are refused for that', async (_name, options, ids) => {
    expect(await failed(await amd.issueReport(options))).toEqual(ids);
  });
});

describe('a product line', () => {
  it('has exactly its models', () => {
    const lines: readonly (readonly [family: number, model: number, product: Product | null])[] = [
      [0x19, 0x00, 'Milan'],
      [0x19, 0x0f, 'Milan'],
      [0x19, 0x10, 'Genoa'],
      [0x19, 0x1f, 'Genoa'],
      [0x19, 0x20, null],
      [0x19, 0x9f, null],
      [0x19, 0xa0, 'Genoa'],
      [0x19, 0xaf, 'Genoa'],
      [0x19, 0xb0, null],
      [0x1a, 0x00, 'Turin'],
      [0x1a, 0x1f, 'Turin'],
      [0x1a, 0x20, null],
      [0x17, 0x01, null],
      [0x1b, 0x01, null],
    ];
    for (const [family, model, product] of lines)
      expect([family, model, findProduct({ family, model, stepping: 0 })]).toEqual([family, model, product]);
  });
});

describe('PEM', () => {
  const block = (content: string, label = 'CERTIFICATE'): string =>
    `-----BEGIN ${label}-----\n${content}\n-----END ${label}-----`;
  const read = (text: string): readonly (readonly number[])[] | null =>
    parsePemCertificates(encodeUtf8(text))?.map((der) => [...der]) ?? null;

  it('may have white space around its blocks and inside them', () => {
    expect(read(block('AQI='))).toEqual([[1, 2]]);
    expect(read(` \r\n\t${block('AQ\n I=')}\r\n\n`)).toEqual([[1, 2]]);
    expect(read(`${block('AQ==')}\n\n ${block('Ag==')}`)).toEqual([[1], [2]]);
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['text before it', `x${block('AQI=')}`],
    ['text behind it', `${block('AQI=')}x`],
    ['text between blocks', `${block('AQI=')}x${block('AQI=')}`],
    ['a block without an end', '-----BEGIN CERTIFICATE-----\nAQI='],
    ['a block with two ends', `${block('AQI=')}\n-----END CERTIFICATE-----`],
    ['an empty block', block('')],
    ['a block that is not base64', block('AQI')],
    ['a block of another label', block('AQI=', 'X509 CRL')],
    ['an end of another label', '-----BEGIN CERTIFICATE-----\nAQI=\n-----END X509 CRL-----'],
    ['an end alone', '-----END CERTIFICATE-----'],
  ])('is none with %s', (_name, text) => {
    expect(read(text)).toBeNull();
  });

  it('is none when it is no UTF-8', () => {
    expect(parsePem(Uint8Array.of(0xff), 'CERTIFICATE')).toBeNull();
    expect(isPem(Uint8Array.of(0xff))).toBe(false);
  });

  it('is known by its first line, after white space', () => {
    expect(isPem(encodeUtf8(block('AQI=')))).toBe(true);
    expect(isPem(encodeUtf8(`\n \t${block('AQI=')}`))).toBe(true);
    expect(isPem(encodeUtf8(`x${block('AQI=')}`))).toBe(false);
    expect(isPem(encodeUtf8(block('AQI=', 'X509 CRL')))).toBe(false);
    expect(isPem(new Uint8Array())).toBe(false);
    expect(isPem(Uint8Array.of(0x30, 0x82))).toBe(false);
  });

  it('is read by its label', () => {
    const text = encodeUtf8(block('AQI=', 'X509 CRL'));
    expect(parsePem(text, 'X509 CRL')).toEqual([Uint8Array.of(1, 2)]);
    expect(parsePem(text, 'CERTIFICATE')).toBeNull();
  });
});

describe('a signature', () => {
  const { report } = parseReport(healthy.report);
  const cache = createChainCache();
  const vek = cache.parseCertificate(healthy.certificates[0] ?? new Uint8Array());

  it.each([
    ['both numbers zero', 0n, 0n, 'zero'],
    ['r zero', 0n, 5n, 'out of range'],
    ['s zero', 5n, 0n, 'out of range'],
    ['r negative', -1n, 5n, 'out of range'],
    ['s above all orders', 5n, 2n ** 384n, 'out of range'],
  ])('with %s is out of range, and is not looked at further', async (_name, r, s, actual) => {
    if (report === null || vek === null) throw new Error('not issued');
    const checks = await checkReportSignature(healthy.report, { ...report, signature: { r, s } }, vek, cache);
    expect(checks.map((check) => [check.id, check.outcome, check.actual])).toEqual([
      ['signature-range', 'fail', actual],
      ['signature-report', 'skipped', actual],
    ]);
  });
});
