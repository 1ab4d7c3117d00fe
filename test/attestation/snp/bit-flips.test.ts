/**
 * Every bit of a report, of the certificates above it and of a revocation list, flipped one at a time and appraised as a whole: none may be
 * accepted, and each refusal must come from a check that is about the part that was changed. The neighbours that stay the same come out of
 * a chain cache, so a flip costs one signature. `ANCHORHOLD_BITS=all` (`make fuzz`) flips those of every vector and certificate, too.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Appraisal } from '../../../src/appraisal.ts';
import { CHECKS, type CheckId } from '../../../src/attestation/check-table.ts';
import { appraiseReport, type Subject } from '../../../src/attestation/report-appraisal.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import { parseCertificate, parseCrl, type Signed } from '../../../src/attestation/snp/der.ts';
import { REPORT_SIZE, SIGNED_SIZE } from '../../../src/attestation/snp/layout.ts';
import type { Roots } from '../../../src/attestation/snp/roots.ts';
import { encodeHex } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/base/digest.ts';
import { corrupt } from '../../../src/testing/index.ts';
import { skipUnless } from '../../skips.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';
import { VECTORS } from '../../vectors.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

vi.setConfig({ testTimeout: 30 * 60_000 });

const everything = process.env['ANCHORHOLD_BITS'] === 'all';
const itAll = skipUnless(everything, 'ANCHORHOLD_BITS is not "all"; make fuzz sets it');
const itReal = skipUnless(everything && VECTORS !== null, 'ANCHORHOLD_BITS is not "all", or there are no test vectors');

/** A subject that is accepted, and what it is accepted by. */
interface Healthy {
  readonly subject: Subject;
  readonly roots: Roots;
  readonly now: Date;
}

/** A part of the bytes, and the checks of which at least one must refuse whatever is changed in it. */
interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly refusedBy: readonly CheckId[];
}

const cache = createChainCache();
const lines: string[] = [];
afterAll(() => void process.stderr.write(lines.map((line) => `${line}\n`).join('')));

async function appraise({ subject, roots, now }: Healthy): Promise<Appraisal> {
  const revocation = subject.crl === null ? 'off' : 'required';
  return await appraiseReport(
    subject,
    anyReport({ ...ANY_MACHINE, revocation }),
    roots,
    now,
    cache,
    createCrlNumbers([]),
  );
}

/** Flips every bit; gives the number of flips, after checking that each was refused by a check about its part. */
async function flipAll(
  title: string,
  bytes: Uint8Array,
  parts: readonly Part[],
  change: (flipped: Uint8Array) => Healthy,
): Promise<number> {
  expect((await appraise(change(bytes))).verdict).toBe('accept');
  expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(bytes.length);
  const strays: string[] = [];
  let from = 0;
  for (const part of parts) {
    const counts = new Map<string, number>();
    for (let bit = from * 8; bit < (from + part.bytes) * 8; bit++) {
      const { verdict, checks } = await appraise(change(corrupt.reportBit(bytes, bit >> 3, bit & 7)));
      const failed = checks.filter((check) => check.outcome === 'fail');
      const reason = failed.find((check) => part.refusedBy.some((id) => id === check.id))?.id;
      if (verdict === 'accept' || reason === undefined)
        strays.push(`bit ${bit} (${part.name}): ${failed.map((check) => check.id).join(', ') || verdict}`);
      else counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    const reasons = [...counts].map(([id, count]) => `${id} ${count}`).join(', ');
    lines.push(`${title}, ${part.name}: ${part.bytes * 8} bits, refused by ${reasons}`);
    from += part.bytes;
  }
  expect(strays).toEqual([]);
  return bytes.length * 8;
}

const idsOf = (...stages: readonly string[]): readonly CheckId[] =>
  (Object.keys(CHECKS) as CheckId[]).filter((id) => stages.includes(CHECKS[id].stage));

const REPORT_PARTS: readonly Part[] = [
  { name: 'signed part', bytes: SIGNED_SIZE, refusedBy: idsOf('parse', 'binding', 'signature') },
  { name: 'signature', bytes: 144, refusedBy: ['signature-range', 'signature-report'] },
  { name: 'after the signature', bytes: REPORT_SIZE - SIGNED_SIZE - 144, refusedBy: ['report-reserved'] },
];

function flipReport(title: string, healthy: Healthy): Promise<number> {
  const { subject } = healthy;
  return flipAll(`${title}: report`, subject.report, REPORT_PARTS, (report) => ({
    ...healthy,
    subject: { ...subject, report },
  }));
}

/** The four parts of anything signed: what is outside of `tbs` is not signed, so something else has to hold it. */
function partsOf(
  signed: Signed | null,
  form: CheckId,
  path: CheckId,
  algorithm: CheckId,
  signature: CheckId,
): readonly Part[] {
  if (signed === null) return [];
  const { der, tbs, outerAlgorithm } = signed;
  const header = tbs.byteOffset - der.byteOffset;
  const rest = der.length - header - tbs.length - outerAlgorithm.length;
  return [
    { name: 'outer header', bytes: header, refusedBy: [form] },
    { name: 'signed part', bytes: tbs.length, refusedBy: [form, path, signature] },
    { name: 'outer algorithm', bytes: outerAlgorithm.length, refusedBy: [form, algorithm] },
    { name: 'signature', bytes: rest, refusedBy: [form, signature] },
  ];
}

const ROLES = ['VEK', 'ASK', 'ARK'] as const;
const SIGNATURES: readonly CheckId[] = ['chain-vek-signature', 'chain-ask-signature', 'chain-ark-signature'];

function flipCertificate(title: string, healthy: Healthy, index: 0 | 1 | 2): Promise<number> {
  const { subject } = healthy;
  const der = subject.certificates[index] ?? new Uint8Array();
  const signature = SIGNATURES[index] ?? 'chain-path';
  const parts = partsOf(parseCertificate(der), 'certificates-form', 'chain-path', 'chain-algorithms', signature);
  return flipAll(`${title}: ${ROLES[index]}`, der, parts, (flipped) => ({
    ...healthy,
    // A changed root is believed here, so that what refuses it is more than its fingerprint.
    roots: index === 2 ? { simulated: [encodeHex(sha256(flipped))] } : healthy.roots,
    subject: { ...subject, certificates: subject.certificates.with(index, flipped) },
  }));
}

function flipPinnedRoot(title: string, healthy: Healthy): Promise<number> {
  const { subject } = healthy;
  const root = subject.certificates[2] ?? new Uint8Array();
  const refusedBy: readonly CheckId[] = ['certificates-form', 'chain-path', 'chain-root'];
  const parts = [{ name: 'under its own pin', bytes: root.length, refusedBy }];
  return flipAll(`${title}: ARK`, root, parts, (flipped) => ({
    ...healthy,
    subject: { ...subject, certificates: subject.certificates.with(2, flipped) },
  }));
}

function flipCrl(title: string, healthy: Healthy): Promise<number> {
  const { subject } = healthy;
  const der = subject.crl ?? new Uint8Array();
  const parts = partsOf(parseCrl(der), 'crl-form', 'crl-issuer', 'crl-signature', 'crl-signature');
  return flipAll(`${title}: revocation list`, der, parts, (crl) => ({ ...healthy, subject: { ...subject, crl } }));
}

const amd = await sharedAmd();
const issued = await amd.issueReport();
const simulated: Healthy = { subject: issued, roots: { simulated: [issued.rootFingerprint] }, now: NOW };

describe('no flipped bit is accepted', () => {
  it('of a simulated report', async () => {
    expect(await flipReport('simulated', simulated)).toBe(1184 * 8);
  });

  it('of a simulated revocation list', async () => {
    expect(await flipCrl('simulated', simulated)).toBe((issued.crl?.length ?? 0) * 8);
  });

  itAll('of a simulated chain', async () => {
    const sizes = issued.certificates.map((der) => der.length * 8);
    const flips = [];
    for (const index of [0, 1, 2] as const) flips.push(await flipCertificate('simulated', simulated, index));
    expect(flips).toEqual(sizes);
    expect(await flipPinnedRoot('simulated', simulated)).toBe(sizes[2]);
  });
});

describe('no flipped bit of real hardware is accepted', () => {
  const root = join(VECTORS ?? '', 'snp');
  const read = (file: string): Uint8Array => Uint8Array.from(readFileSync(join(root, file)));
  const index: { readonly vectors: readonly { name: string; verify_at: string; report?: unknown }[] } =
    VECTORS === null ? { vectors: [] } : JSON.parse(readFileSync(join(root, 'index.json'), 'utf8'));
  const real = index.vectors
    .filter((vector) => vector.report !== undefined)
    .map(({ name, verify_at }) => {
      const healthy = (crl: Uint8Array | null): Healthy => ({
        subject: {
          report: read(`${name}/report.bin`),
          certificates: ['vek', 'ask', 'ark'].map((file) => read(`${name}/${file}.der`)),
          crl,
        },
        roots: 'amd',
        now: new Date(verify_at),
      });
      return { name, healthy };
    });

  itReal('of 13 reports', async () => {
    expect(real.length).toBe(13);
    let flips = 0;
    for (const { name, healthy } of real) flips += await flipReport(name, healthy(null));
    expect(flips).toBe(13 * 1184 * 8);
  });

  itReal('of their certificates: each one once', async () => {
    const seen = new Set<string>();
    const counts = [0, 0, 0];
    for (const { name, healthy } of real) {
      const { subject } = healthy(null);
      for (const role of [0, 1, 2] as const) {
        const der = subject.certificates[role] ?? new Uint8Array();
        if (seen.has(encodeHex(der))) continue;
        seen.add(encodeHex(der));
        expect(await flipCertificate(name, healthy(null), role)).toBe(der.length * 8);
        if (role === 2) expect(await flipPinnedRoot(name, healthy(null))).toBe(der.length * 8);
        counts[role] = (counts[role] ?? 0) + 1;
      }
    }
    // Two reports of one chip share its VEK; Milan has an ASK and an ASVK.
    expect(counts).toEqual([13, 4, 3]);
  });

  itReal('of the revocation list that was in force for a report of Milan', async () => {
    const milan = real.find(({ name }) => name === 'milan-v2-vcek-virtee');
    const crl = read('crl/milan-vcek-2022-05-09.crl.der');
    expect(milan !== undefined && (await flipCrl(milan.name, milan.healthy(crl)))).toBe(crl.length * 8);
  });
});
