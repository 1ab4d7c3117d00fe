import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claims, encodeClaims, PROFILE, parseClaims, reportDataOf } from '../../src/attestation/claims.ts';
import { type Evidence, encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf, isFresh } from '../../src/attestation/freshness.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { type Cbor, encodeCbor } from '../../src/base/cbor.ts';
import { hashLeaf, inclusionPath, merkleRoot } from '../../src/base/merkle.ts';

const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);

const claims: Claims = {
  profile: PROFILE,
  role: 'worker',
  instance: fill(16, 1),
  tls: fill(32, 2),
  hpke: fill(41, 3),
  functions: { 'risk-score': fill(32, 4) },
  policies: { 'hospital-a': fill(32, 5) },
  lockdown: { egress: 'policy' },
  freshness: fill(32, 6),
  log: { size: 7, root: fill(32, 8) },
  runtime: 'anchorhold 0.1.0',
};

const evidence: Evidence = {
  report: fill(1184, 1),
  certificates: [fill(10, 2)],
  crl: null,
  claims: encodeClaims(claims),
  index: 0,
  size: 1,
  path: [],
};

describe('claims', () => {
  it('come back as they were', () => {
    const parsed = parseClaims(encodeClaims(claims));
    expect('value' in parsed && encodeHex(encodeClaims(parsed.value))).toBe(encodeHex(encodeClaims(claims)));
    expect('value' in parsed && parsed.value.functions['risk-score']).toEqual(fill(32, 4));
  });

  const wrong: Record<string, Cbor> = {
    profile: 'anchorhold/2',
    role: 'head',
    instance: fill(15, 1),
    tls: fill(31, 1),
    hpke: 'x',
    functions: { a: fill(31, 1) },
    policies: [],
    lockdown: { a: 1 },
    freshness: fill(33, 1),
    log: { size: 7, root: fill(32, 8), more: 1 },
    runtime: 1,
  };
  it.each(Object.keys(claims))('are refused without %s, and with another kind of it', (key) => {
    const whole: Record<string, Cbor> = { ...claims, log: { ...claims.log } };
    const { [key]: _, ...rest } = whole;
    expect(parseClaims(encodeCbor(rest))).toHaveProperty('problem');
    expect(parseClaims(encodeCbor({ ...whole, [key]: wrong[key] ?? null }))).toHaveProperty('problem');
  });

  it('are refused with one more field', () => {
    expect(parseClaims(encodeCbor({ ...claims, log: { ...claims.log }, more: true }))).toHaveProperty('problem');
  });

  it('give a value or a problem for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(parseClaims(bytes)).toHaveProperty('problem');
      }),
    );
  });

  it('are all under REPORT_DATA', () => {
    const base = encodeHex(reportDataOf(encodeClaims(claims)));
    expect(base).toHaveLength(128);
    expect(encodeHex(reportDataOf(encodeClaims({ ...claims, runtime: 'anchorhold 0.1.1' })))).not.toBe(base);
  });
});

describe('evidence', () => {
  it('comes back as it was', () => {
    const parsed = parseEvidence(encodeEvidence(evidence));
    expect('value' in parsed && parsed.value).toEqual(evidence);
  });

  it.each([
    ['format', 'anchorhold-evidence/2'],
    ['report', 'x'],
    ['certificates', Array.from({ length: 9 }, () => fill(1, 1))],
    ['certificates', [fill(9000, 1)]],
    ['crl', 'x'],
    ['claims', null],
    ['index', 'x'],
    ['size', null],
    ['path', Array.from({ length: 21 }, () => fill(32, 1))],
    ['path', [fill(33, 1)]],
  ] as [string, Cbor][])('is refused with another %s', (key, value) => {
    const map: Record<string, Cbor> = { format: 'anchorhold-evidence/1', ...evidence };
    expect(parseEvidence(encodeCbor(map))).toHaveProperty('value');
    expect(parseEvidence(encodeCbor({ ...map, [key]: value }))).toHaveProperty('problem');
  });

  it('gives a value or a problem for any bytes, and for any change of one byte', () => {
    const bytes = encodeEvidence(evidence);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, xor) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ xor;
        const parsed = parseEvidence(changed);
        if ('value' in parsed) expect(encodeEvidence(parsed.value)).toEqual(changed);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (any) => void parseEvidence(any)));
  });
});

describe('freshness', () => {
  const nonce = fill(32, 1);
  const channel = fill(32, 2);
  const leaf = freshnessLeaf('worker', nonce, channel);
  const others = [fill(32, 9), fill(32, 8)].map((n) => freshnessLeaf('worker', n, channel));
  const leaves = [...others, leaf];
  const root = merkleRoot(leaves);
  const inclusion = { index: 2, size: 3, path: inclusionPath(leaves, 2) };

  it('is the leaf of RFC 9162 over role, nonce and channel', () => {
    expect(leaf).toEqual(hashLeaf(Uint8Array.from([...Buffer.from('worker'), ...nonce, ...channel])));
  });

  it('holds for the own nonce and channel', () => {
    expect(isFresh(leaf, inclusion, root)).toBe(true);
  });

  it.each([
    ['another nonce', freshnessLeaf('worker', fill(32, 3), channel)],
    ['another channel', freshnessLeaf('worker', nonce, fill(32, 3))],
  ])('does not hold for %s', (_name, other) => {
    expect(isFresh(other, inclusion, root)).toBe(false);
  });
});
