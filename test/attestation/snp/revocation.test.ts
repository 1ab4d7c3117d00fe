/** The revocation list, rule by rule, with decoded values that no simulated AMD issues; and the number that keeps old lists out. */
import { describe, expect, it } from 'vitest';
import type { Check } from '../../../src/appraisal.ts';
import { createChainCache } from '../../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../../src/attestation/snp/crl-numbers.ts';
import type { X509Crl, X509Extension } from '../../../src/attestation/snp/der.ts';
import { X509_OID } from '../../../src/attestation/snp/oids.ts';
import { findPath, type Path } from '../../../src/attestation/snp/path.ts';
import { checkRevocation, checkRollback, parseCrlNumber } from '../../../src/attestation/snp/revocation.ts';
import type { IssuedReport } from '../../../src/testing/index.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';

const amd = await sharedAmd();
const cache = createChainCache();

async function decode(issued: IssuedReport): Promise<{ readonly path: Path; readonly crl: X509Crl }> {
  const certificates = issued.certificates.map((der) => cache.parseCertificate(der)).filter((c) => c !== null);
  const { path } = await findPath(certificates, { simulated: [issued.rootFingerprint] }, cache);
  const crl = cache.parseCrl(issued.crl ?? new Uint8Array());
  if (path === null || crl === null) throw new Error('not issued');
  return { path, crl };
}

const { path, crl } = await decode(await amd.issueReport());
const vlek = await decode(await amd.issueReport({ signer: 'VLEK' }));
const oneExtension = (oid: string, critical: boolean): readonly X509Extension[] => [
  ...crl.extensions.filter((e) => e.oid !== oid),
  { oid, critical, value: Uint8Array.of(2, 1, 1) },
];

const failures = (checks: readonly Check[]): readonly (readonly [string, string])[] =>
  checks.filter(({ outcome }) => outcome === 'fail').map(({ id, actual }) => [id, actual]);

describe('a revocation list', () => {
  it.each<[string, Partial<X509Crl>, readonly (readonly [string, string])[]]>([
    ['as it was issued', {}, []],
    ['without an end', { nextUpdate: null }, [['crl-dates', '2026-11-20T12:00:00.000Z to no end']]],
    ['of version 1', { version: 1 }, [['crl-extensions', 'version is 1']]],
    ['with its number marked critical', { extensions: oneExtension(X509_OID.crlNumber, true) }, []],
    [
      'that is a delta, marked critical or not',
      { extensions: oneExtension(X509_OID.deltaCrlIndicator, false) },
      [['crl-extensions', 'it is a delta']],
    ],
    [
      'with entries that have critical extensions',
      {
        revoked: [
          { serial: 1n, criticalExtensions: [] },
          { serial: 2n, criticalExtensions: ['1.2.3', '1.2.4'] },
        ],
      },
      [['crl-extensions', '1.2.3 of an entry is critical and unknown; 1.2.4 of an entry is critical and unknown']],
    ],
    [
      'that names the root only',
      { revoked: [{ serial: path.ark.serial, criticalExtensions: [] }] },
      [['crl-revoked', 'ARK-Genoa is revoked']],
    ],
    ['that names a VEK, which has serial 0', { revoked: [{ serial: 0n, criticalExtensions: [] }] }, []],
    [
      'with another algorithm inside',
      { innerAlgorithm: Uint8Array.of(0x30, 0) },
      [['crl-signature', 'another algorithm']],
    ],
    [
      'with another algorithm outside',
      { outerAlgorithm: Uint8Array.of(0x30, 0) },
      [['crl-signature', 'another algorithm']],
    ],
  ])('%s', async (_name, changes, expected) => {
    expect(failures(await checkRevocation({ ...crl, ...changes }, path, 'required', NOW, cache))).toEqual(expected);
    expect(failures(await checkRevocation({ ...crl, ...changes }, path, 'if-present', NOW, cache))).toEqual(expected);
    expect(failures(await checkRevocation({ ...crl, ...changes }, path, 'off', NOW, cache))).toEqual([]);
  });
});

describe('the root of a list', () => {
  it('may have its key usage anywhere among its extensions', async () => {
    for (const extensions of [path.ark.extensions, path.ark.extensions.toReversed()]) {
      const turned: Path = { ...path, ark: { ...path.ark, extensions } };
      expect(failures(await checkRevocation(crl, turned, 'required', NOW, cache))).toEqual([]);
    }
  });
});

describe('the number of a list', () => {
  const many = (count: number): readonly number[] => Array.from({ length: count }, () => 1);
  it.each<[readonly number[], bigint | null]>([
    [[2, 1, 0], 0n],
    [[2, 1, 0x7f], 127n],
    [[2, 2, 0, 0x80], 128n],
    [[2, 2, 1, 0], 256n],
    [[2, 2, 1, 0x7f], 0x17fn],
    [[2, 20, ...many(20)], BigInt(`0x${'01'.repeat(20)}`)],
    [[2, 21, ...many(21)], null],
    [[2, 1, 0x80], null],
    [[2, 2, 0x80, 0], null],
    [[2, 2, 0, 0x7f], null],
    [[2, 2, 0, 0], null],
    [[2, 0], null],
    [[2], null],
    [[], null],
    [[2, 1, 0, 0], null],
    [[2, 2, 1], null],
    [[4, 1, 0], null],
  ])('%j is %s', (value, number) => {
    expect(parseCrlNumber(Uint8Array.from(value))).toBe(number);
  });

  const number = (value: number): X509Crl => ({
    ...crl,
    extensions: [{ oid: X509_OID.crlNumber, critical: false, value: Uint8Array.of(2, 1, value) }],
  });
  const say = ({ check }: ReturnType<typeof checkRollback>): readonly string[] => [
    check.outcome,
    check.expected,
    check.actual,
  ];
  const FORM = 'a CRL number of at most 20 octets, once';

  it('must be there once, and in its form', () => {
    const numbers = createCrlNumbers([]);
    const own = number(5).extensions;
    const of = (extensions: readonly X509Extension[]): readonly string[] =>
      say(checkRollback(path, { ...crl, extensions }, 'required', numbers));
    expect(of([])).toEqual(['fail', FORM, 'none']);
    expect(of([...own, ...own])).toEqual(['fail', FORM, 'another form']);
    expect(of(own.map((e) => ({ ...e, value: Uint8Array.of(5, 0) })))).toEqual(['fail', FORM, 'another form']);
    expect(of(own)).toEqual(['pass', 'any, because none was seen before', '5']);
  });

  it('is remembered when the list was found authentic, and not before', () => {
    const numbers = createCrlNumbers([]);
    const first = checkRollback(path, number(5), 'required', numbers);
    expect(numbers.entries()).toEqual([]);
    first.remember();
    expect(numbers.entries()).toEqual([[`${path.fingerprint}/VCEK`, 5n]]);
    expect(say(checkRollback(path, number(4), 'if-present', numbers))).toEqual(['fail', 'at least 5', '4']);
    expect(say(checkRollback(path, number(5), 'if-present', numbers))).toEqual(['pass', 'at least 5', '5']);
    expect(say(checkRollback(path, number(6), 'required', numbers))).toEqual(['pass', 'at least 5', '6']);
    expect(numbers.entries()).toEqual([[`${path.fingerprint}/VCEK`, 5n]]);
  });

  it('is of one series for VCEKs and of another for VLEKs under the same root', () => {
    const numbers = createCrlNumbers([[`${path.fingerprint}/VCEK`, 9n]]);
    const checked = checkRollback(vlek.path, number(5), 'required', numbers);
    expect(say(checked)).toEqual(['pass', 'any, because none was seen before', '5']);
    checked.remember();
    expect(numbers.entries()).toContainEqual([`${path.fingerprint}/VLEK`, 5n]);
  });

  it('is not asked for where no list is looked at', () => {
    const numbers = createCrlNumbers([[`${path.fingerprint}/VCEK`, 9n]]);
    expect(say(checkRollback(path, number(5), 'off', numbers))).toEqual(['skipped', 'off', 'off']);
    expect(say(checkRollback(path, null, 'off', numbers))).toEqual(['skipped', 'off', 'none']);
    expect(say(checkRollback(path, null, 'if-present', numbers))).toEqual(['skipped', 'if-present', 'none']);
    const withoutPath = checkRollback(null, number(5), 'required', numbers);
    expect(say(withoutPath)).toEqual(['skipped', 'a path', 'no path']);
    withoutPath.remember();
    expect(numbers.entries()).toEqual([[`${path.fingerprint}/VCEK`, 9n]]);
  });
});
