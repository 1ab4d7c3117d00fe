/** The report's form: round trip, every bit of the signed region, and arbitrary bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allMet } from '../../../src/attestation/checks.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { FIELDS, REPORT_SIZE, RESERVED, SIGNED_SIZE } from '../../../src/attestation/snp/layout.ts';
import { encodeReport, parseReport } from '../../../src/attestation/snp/report.ts';
import { checkReportSignature } from '../../../src/attestation/snp/report-signature.ts';
import { corrupt, type ReportVersion } from '../../../src/testing/index.ts';
import { skipUnless } from '../../skips.ts';
import { sharedAmd } from '../../testing/shared-amd.ts';
import { VECTORS } from '../../vectors.ts';

const amd = await sharedAmd();
const issued = await amd.issueReport();

/** Counts the one-bit changes of the signed region that parse and carry a valid signature. */
async function acceptedFlips(report: Uint8Array, vek: Uint8Array): Promise<number> {
  const cache = createChainCache();
  const certificate = cache.parseCertificate(vek);
  if (certificate === null) return -1;
  let accepted = 0;
  for (let bit = 0; bit < SIGNED_SIZE * 8; bit++) {
    const flipped = corrupt.reportBit(report, bit >> 3, bit & 7);
    const parsed = parseReport(flipped);
    if (parsed.report !== null && allMet(await checkReportSignature(flipped, parsed.report, certificate, cache)))
      accepted++;
  }
  const whole = parseReport(report).report;
  if (whole === null || !allMet(await checkReportSignature(report, whole, certificate, cache))) return -1;
  return accepted;
}

describe('a report', () => {
  it('has fields and reserved places that cover all of it once', () => {
    const places = [...Object.values(FIELDS), ...RESERVED].sort((a, b) => a.offset - b.offset);
    const ends = places.map((p) => p.offset + p.size);
    expect(places.map((p) => p.offset)).toEqual([0, ...ends.slice(0, -1)]);
    expect(ends.at(-1)).toBe(REPORT_SIZE);
  });

  it.each([2, 3, 4, 5] as const)('of version %i comes back from its record', async (version: ReportVersion) => {
    const { report } = await amd.issueReport({ version });
    const parsed = parseReport(report);
    expect(parsed.problems).toEqual([]);
    expect(parsed.report !== null && encodeReport(parsed.report)).toEqual(report);
  });

  it('is frozen', () => {
    const { report } = parseReport(issued.report);
    expect(Object.isFrozen(report)).toBe(true);
    expect(Object.isFrozen(report?.signature)).toBe(true);
  });

  it('is a record or a list of problems, whatever the bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 1300 }),
      fc.uint8Array({ minLength: REPORT_SIZE, maxLength: REPORT_SIZE }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const { report, problems } = parseReport(input);
        expect((report === null) === problems.length > 0).toBe(true);
      }),
    );
  });

  it('comes back whole when it parses, however it was changed', () => {
    const change = fc.tuple(fc.nat(REPORT_SIZE - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const input = Uint8Array.from(issued.report);
        for (const [at, value] of changes) input[at] = value;
        const { report } = parseReport(input);
        if (report !== null) expect(encodeReport(report)).toEqual(input);
      }),
    );
  });
});

describe('one flipped bit of the signed region', () => {
  skipUnless(VECTORS !== null, 'no test vectors')(
    'is refused wherever it is, in a report of real hardware',
    async () => {
      const dir = join(VECTORS ?? '', 'snp/genoa-v5-vcek-yaxi');
      const [report, vek] = ['report.bin', 'vek.der'].map((file) => Uint8Array.from(readFileSync(join(dir, file))));
      expect(await acceptedFlips(report ?? new Uint8Array(), vek ?? new Uint8Array())).toBe(0);
    },
  );
});

it.each([
  [0, true],
  [3, true],
  [4, false],
])('reads a report of privilege level %i: %s', (level, isRead) => {
  const report = Uint8Array.from(issued.report);
  new DataView(report.buffer).setUint32(FIELDS.vmpl.offset, level, true);
  const parsed = parseReport(report);
  expect(parsed.report?.vmpl ?? null).toBe(isRead ? level : null);
});
