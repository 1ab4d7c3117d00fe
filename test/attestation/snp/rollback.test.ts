/** What the chain says at the very edge of its dates and without a path, and that a number seen is never forgotten for a lower one. */
import { describe, expect, it } from 'vitest';
import { appraiseReport } from '../../../src/attestation/report-appraisal.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { type CrlSeries, createCrlNumbers, isCrlSeries } from '../../../src/attestation/snp/crl-numbers.ts';
import { parseCertificate, parseCrl } from '../../../src/attestation/snp/der.ts';
import type { Roots } from '../../../src/attestation/snp/roots.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const amd = await sharedAmd();
const issued = await amd.issueReport();
const trusted: Roots = { simulated: [issued.rootFingerprint] };
const SERIES: CrlSeries = `${'ab'.repeat(32)}/VCEK`;

const failed = async (now: Date): Promise<readonly string[]> => {
  const demands = anyReport({ ...ANY_MACHINE, revocation: 'required' });
  const { checks } = await appraiseReport(issued, demands, trusted, now, createChainCache(), createCrlNumbers([]));
  return checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
};
const after = (date: Date, ms: number): Date => new Date(date.getTime() + ms);

describe('dates', () => {
  it('hold from the first to the last second that they name', async () => {
    const vek = parseCertificate(issued.certificates[0] ?? new Uint8Array());
    const crl = parseCrl(issued.crl ?? new Uint8Array());
    if (vek === null || crl?.nextUpdate == null) throw new Error('not issued');
    // Certificate and list begin together, and the list ends first.
    expect(vek.notBefore).toEqual(crl.thisUpdate);
    expect(await failed(vek.notBefore)).toEqual([]);
    expect(await failed(after(vek.notBefore, -1))).toEqual(['chain-dates', 'crl-dates']);
    expect(await failed(crl.nextUpdate)).toEqual([]);
    expect(await failed(after(crl.nextUpdate, 1))).toEqual(['crl-dates']);
    expect(await failed(vek.notAfter)).toEqual(['crl-dates']);
    expect(await failed(after(vek.notAfter, 1))).toEqual(['chain-dates', 'crl-dates']);
  });
});

describe('without a path', () => {
  it.each<[string, Roots, boolean]>([
    ['simulated', trusted, true],
    ["AMD's", 'amd', false],
  ])('an appraisal is about the roots that were asked for: %s', async (_name, roots, simulated) => {
    const subject = { ...issued, certificates: [] };
    const appraisal = await appraiseReport(
      subject,
      anyReport(ANY_MACHINE),
      roots,
      NOW,
      createChainCache(),
      createCrlNumbers([]),
    );
    expect([appraisal.stage, appraisal.simulated]).toEqual(['chain', simulated]);
  });
});

describe('numbers of revocation lists', () => {
  it('only ever grow', () => {
    const numbers = createCrlNumbers([
      [SERIES, 5n],
      [SERIES, 3n],
    ]);
    expect(numbers.highest(SERIES)).toBe(5n);
    numbers.remember(SERIES, 4n);
    expect(numbers.highest(SERIES)).toBe(5n);
    numbers.remember(SERIES, 6n);
    expect(numbers.entries()).toEqual([[SERIES, 6n]]);
    expect(numbers.highest(`${'cd'.repeat(32)}/VCEK`)).toBeNull();
    expect(numbers.highest(`${'ab'.repeat(32)}/VLEK`)).toBeNull();
  });

  it('belong to a series of a root and a kind of key', () => {
    expect(isCrlSeries(SERIES)).toBe(true);
    for (const other of ['', 'VCEK', `x${SERIES}`, `${SERIES}x`, SERIES.toUpperCase(), `${'ab'.repeat(31)}/VCEK`])
      expect(isCrlSeries(other)).toBe(false);
  });
});
