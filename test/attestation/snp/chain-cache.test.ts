/** What is remembered of chains: facts about exact bytes, never failures, never more than a few; chain.test.ts compares whole appraisals. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Appraisal } from '../../../src/appraisal.ts';
import { appraiseReport, type Subject } from '../../../src/attestation/report-appraisal.ts';
import { type ChainCache, createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import type { X509Certificate } from '../../../src/attestation/snp/der.ts';
import type { Roots } from '../../../src/attestation/snp/roots.ts';
import { corrupt } from '../../../src/testing/index.ts';
import { NOW, sharedAmd, strangerAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const amd = await sharedAmd();
const stranger = await strangerAmd();
const issued = await amd.issueReport({});
const other = await stranger.issueReport({});
const roots: Roots = { simulated: [issued.rootFingerprint] };
const required = { ...ANY_MACHINE, revocation: 'required' } as const;
const DAY = 24 * 60 * 60 * 1000;

const read = (cache: ChainCache, der: Uint8Array | undefined): X509Certificate => {
  const certificate = cache.parseCertificate(der ?? new Uint8Array());
  if (certificate === null) throw new Error('not a certificate');
  return certificate;
};

const failed = (a: Appraisal): readonly string[] => a.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);

describe('a chain cache', () => {
  it('gives the same object for the same bytes, and another for all others', () => {
    const cache = createChainCache();
    const [vek] = issued.certificates;
    const certificate = read(cache, vek);
    expect(cache.parseCertificate(Uint8Array.from(vek ?? []))).toBe(certificate);
    const changed = read(cache, corrupt.certificateBit(issued.certificates, 0, (vek?.length ?? 0) - 1, 0)[0]);
    expect(changed).not.toBe(certificate);
    expect(changed.signature).not.toEqual(certificate.signature);
    expect(createChainCache().parseCertificate(vek ?? new Uint8Array())).not.toBe(certificate);
  });

  it('keeps its own copy of what it was given', () => {
    const cache = createChainCache();
    const buffer = Uint8Array.from(issued.certificates[0] ?? []);
    const certificate = read(cache, buffer);
    buffer.fill(0);
    expect(certificate.der).toEqual(issued.certificates[0]);
    expect(cache.parseCertificate(buffer)).toBeNull();
  });

  it('remembers nothing that it could not read', () => {
    const cache = createChainCache();
    for (let i = 0; i < 2; i++) expect(cache.parseCertificate(Uint8Array.of(0x30, 0))).toBeNull();
    for (let i = 0; i < 2; i++) expect(cache.parseCrl(Uint8Array.of(0x30, 0))).toBeNull();
  });

  it('remembers a signature for the key that it verified under, and for no other', async () => {
    const cache = createChainCache();
    const [vek, ask, ark] = issued.certificates.map((der) => read(cache, der));
    const [otherVek, otherAsk, otherArk] = other.certificates.map((der) => read(cache, der));
    if (!vek || !ask || !ark || !otherVek || !otherAsk || !otherArk) throw new Error('no chains');
    for (let i = 0; i < 2; i++) {
      expect(await cache.isSignedBy(vek, ask)).toBe(true);
      expect(await cache.isSignedBy(vek, otherAsk)).toBe(false);
      expect(await cache.isSignedBy(vek, ark)).toBe(false);
      expect(await cache.isSignedBy(vek, vek)).toBe(false);
      expect(await cache.isSignedBy(otherVek, ask)).toBe(false);
      expect(await cache.isSignedBy(ask, ark)).toBe(true);
      expect(await cache.isSignedBy(ask, otherArk)).toBe(false);
      expect(await cache.isSignedP384(ask, 1n, 1n, new Uint8Array())).toBe(false);
    }
  });

  it('forgets what is oldest', () => {
    const cache = createChainCache();
    const [vek] = issued.certificates;
    const certificate = read(cache, vek);
    const size = vek?.length ?? 0;
    for (let i = 1; i < 16; i++) read(cache, corrupt.certificateBit(issued.certificates, 0, size - i, 0)[0]);
    expect(read(cache, vek)).toBe(certificate);
    read(cache, corrupt.certificateBit(issued.certificates, 0, size - 16, 0)[0]);
    expect(read(cache, vek)).not.toBe(certificate);
  });
});

describe('an appraisal with a warm cache', () => {
  const judge = (
    cache: ChainCache,
    subject: Subject,
    under: Roots,
    machine = required,
    now = NOW,
  ): Promise<Appraisal> => appraiseReport(subject, anyReport(machine), under, now, cache, createCrlNumbers([]));

  async function warm(): Promise<ChainCache> {
    const cache = createChainCache();
    expect(failed(await judge(cache, issued, roots))).toEqual([]);
    return cache;
  }

  it('minds the time', async () => {
    const cache = await warm();
    const late = new Date(NOW.getTime() + 30 * 365 * DAY);
    expect(failed(await judge(cache, issued, roots, required, late))).toEqual(['chain-dates', 'crl-dates']);
    const early = new Date(NOW.getTime() - 30 * 365 * DAY);
    expect(failed(await judge(cache, issued, roots, required, early))).toEqual(['chain-dates', 'crl-dates']);
  });

  it('minds the roots, the products and the signers', async () => {
    const cache = await warm();
    expect(failed(await judge(cache, issued, 'amd'))).toEqual(['chain-root']);
    expect(failed(await judge(cache, issued, { simulated: [] }))).toEqual(['chain-root']);
    expect(failed(await judge(cache, issued, roots, { ...required, products: [] }))).toEqual([
      'chain-accepted-product',
    ]);
    expect(failed(await judge(cache, issued, roots, { ...required, signer: [] }))).toEqual(['chain-accepted-signer']);
  });

  it('minds the revocation list, also when it was not looked at before', async () => {
    const cache = createChainCache();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = await amd.issueReport({ crl: { signer: privateKey } });
    const off = { ...ANY_MACHINE, revocation: 'off' } as const;
    expect((await appraiseReport(forged, anyReport(off), roots, NOW, cache, createCrlNumbers([]))).verdict).toBe(
      'accept',
    );
    expect(failed(await judge(cache, forged, roots))).toEqual(['crl-signature']);
    expect(failed(await judge(cache, { ...forged, crl: null }, roots))).toEqual(['crl-present']);
  });

  it('minds sampled bits of the chain that it knows', async () => {
    const cache = await warm();
    for (const [index, certificate] of issued.certificates.entries()) {
      for (let i = 0; i < 40; i++) {
        const byte = Math.floor((i * certificate.length) / 40);
        const certificates = corrupt.certificateBit(issued.certificates, index, byte, i % 8);
        expect((await judge(cache, { ...issued, certificates }, roots)).verdict).toBe('reject');
      }
    }
    expect((await judge(cache, issued, roots)).verdict).toBe('accept');
  });

  it('minds the signature of each report', async () => {
    const cache = await warm();
    const report = corrupt.reportBit(issued.report, 0x90, 0);
    expect(failed(await judge(cache, { ...issued, report }, roots))).toEqual(['signature-report']);
  });
});
