/** Rollback of revocation lists: the highest number seen is remembered of lists that are good, and an older list is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Appraisal } from '../../../src/appraisal.ts';
import { appraiseReport } from '../../../src/attestation/report-appraisal.ts';
import type { Machine } from '../../../src/attestation/requirements.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { type CrlNumbers, type CrlSeries, createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import { parseCrlNumber } from '../../../src/attestation/snp/revocation.ts';
import { encodeDerInteger, type MachineOptions } from '../../../src/testing/index.ts';
import { NOW, sharedAmd, strangerAmd } from '../../testing/shared-amd.ts';
import { ANY_MACHINE, anyReport } from '../demands.ts';

const amd = await sharedAmd();
const genoa = await amd.rootFingerprint('Genoa');
const VCEK: CrlSeries = `${genoa}/VCEK`;
const VLEK: CrlSeries = `${genoa}/VLEK`;
const cache = createChainCache();

const numbered = (number: bigint): MachineOptions => ({
  crl: { extensions: { crlNumber: encodeDerInteger(number) } },
});

async function appraise(
  seen: CrlNumbers,
  options: MachineOptions,
  revocation: Machine['revocation'] = 'required',
  roots: readonly string[] = [genoa],
): Promise<Appraisal> {
  const issued = await amd.issueReport(options);
  const demands = anyReport({ ...ANY_MACHINE, revocation });
  return await appraiseReport(issued, demands, { simulated: roots }, NOW, cache, seen);
}

const failed = (a: Appraisal): readonly string[] => a.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);
const outcome = (a: Appraisal): unknown => a.checks.find((c) => c.id === 'crl-number')?.outcome;

describe('a revocation list', () => {
  it('is taken with the number that was seen or a higher one, and refused with a lower one', async () => {
    const seen = createCrlNumbers([[VCEK, 7n]]);
    expect(failed(await appraise(seen, numbered(7n)))).toEqual([]);
    expect(failed(await appraise(seen, numbered(300n)))).toEqual([]);
    expect(seen.highest(VCEK)).toBe(300n);
    const refused = await appraise(seen, numbered(299n));
    expect(failed(refused)).toEqual(['crl-number']);
    expect(refused).toMatchObject({ stage: 'chain', code: 'ERR_NOT_AN_ENCLAVE_CHAIN', error: 'NotAnEnclaveError' });
    expect(refused.checks.some((c) => c.stage === 'binding')).toBe(false);
    expect(seen.highest(VCEK)).toBe(300n);
  });

  it('is remembered from the first one on, whatever becomes of the report under it', async () => {
    const seen = createCrlNumbers([]);
    expect((await appraise(seen, { ...numbered(5n), vmpl: 3, idKeyDigest: new Uint8Array(48).fill(1) })).verdict).toBe(
      'accept',
    );
    expect(seen.entries()).toEqual([[VCEK, 5n]]);
    const masked = { keyInfo: { authorKeyEnabled: false, chipKeyMasked: true, signer: 'VCEK' } } as const;
    expect((await appraise(seen, { ...numbered(6n), ...masked })).stage).toBe('binding');
    expect(seen.entries()).toEqual([[VCEK, 6n]]);
  });

  it.each<[string, MachineOptions, (readonly string[])?]>([
    ['is signed by someone else', { crl: { ...numbered(9n).crl, issuer: { CN: 'ARK-Turin' } } }],
    ['has expired', { crl: { ...numbered(9n).crl, nextUpdate: new Date(NOW.getTime() - 1000) } }],
    ['comes with a chain that has expired', { ...numbered(9n), vek: { notAfter: new Date(NOW.getTime() - 1000) } }],
    ['is of a root that nobody named', numbered(9n), []],
  ])('is not remembered when it %s', async (_name, options, roots = [genoa]) => {
    const seen = createCrlNumbers([]);
    expect((await appraise(seen, options, 'required', roots)).stage).toBe('chain');
    expect(seen.entries()).toEqual([]);
  });

  it('is compared within its own root and kind of key only', async () => {
    const other = await (await strangerAmd()).rootFingerprint('Genoa');
    const seen = createCrlNumbers([
      [`${other}/VCEK`, 99n],
      [VLEK, 50n],
    ]);
    expect(failed(await appraise(seen, numbered(1n)))).toEqual([]);
    expect(failed(await appraise(seen, { ...numbered(49n), signer: 'VLEK' }))).toEqual(['crl-number']);
    expect(seen.entries()).toEqual([
      [`${other}/VCEK`, 99n],
      [VLEK, 50n],
      [VCEK, 1n],
    ]);
  });

  it.each<[Machine['revocation'], MachineOptions, string, number]>([
    ['off', numbered(1n), 'skipped', 0],
    ['if-present', { crl: null }, 'skipped', 0],
    ['if-present', numbered(1n), 'fail', 1],
    ['required', { crl: null }, 'skipped', 1],
  ])('under %s is compared exactly when it is there and looked at', async (revocation, options, expected, failures) => {
    const appraisal = await appraise(createCrlNumbers([[VCEK, 2n]]), options, revocation);
    expect([outcome(appraisal), failed(appraisal).length]).toEqual([expected, failures]);
  });
});

describe('the number of a list', () => {
  it('is read back as it was written, up to 20 octets', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 159n) - 1n }), (number) => {
        expect(parseCrlNumber(encodeDerInteger(number))).toBe(number);
      }),
    );
    expect(parseCrlNumber(encodeDerInteger(1n << 159n))).toBeNull();
  });

  it('is never anything but null or its one form, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const number = parseCrlNumber(bytes);
        if (number !== null) expect(Uint8Array.from(encodeDerInteger(number))).toEqual(bytes);
      }),
    );
  });
});
