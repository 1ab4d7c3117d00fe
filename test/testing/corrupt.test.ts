import { describe, expect, it } from 'vitest';
import { encodeCbor, parseCbor } from '../../src/base/cbor.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { corrupt } from '../../src/testing/index.ts';
import { sharedAmd } from './shared-amd.ts';

const { report, certificates } = await (await sharedAmd()).issueReport();
const before = Uint8Array.from(report);
const [vek = new Uint8Array(), middle = new Uint8Array(), root = new Uint8Array()] = certificates;

/** Offsets at which two byte arrays of one length differ. */
function differences(a: Uint8Array, b: Uint8Array): number[] {
  expect(a.length).toBe(b.length);
  return [...a.keys()].filter((i) => a[i] !== b[i]);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('a corrupted report', () => {
  it.each([
    ['one bit', corrupt.reportBit(report, 0x90, 3), [0x90]],
    [
      'some bytes',
      corrupt.reportBytes(report, 0x90, Uint8Array.of(~(report[0x90] ?? 0), ~(report[0x91] ?? 0))),
      [0x90, 0x91],
    ],
    ['one field', corrupt.reportField(report, 'hostData', new Uint8Array(32).fill(1)), range(0xc0, 0xe0)],
    ['the tail outside the signature', corrupt.reportSignature(report, 'tail'), [0x49f]],
  ])('differs in %s', (_, changed, offsets) => {
    expect(differences(changed, report)).toEqual(offsets);
  });

  it.each(['zero', 's-plus-order', 's-negated'] as const)('differs only in its signature: %s', (trick) => {
    const offsets = differences(corrupt.reportSignature(report, trick), report);
    expect(offsets.length).toBeGreaterThan(20);
    expect(offsets.every((at) => at >= 0x2a0 && at < 0x330)).toBe(true);
  });

  it.each([0, 1183, 1185])('has another length: %i', (length) => {
    const changed = corrupt.reportLength(report, length);
    expect(changed.length).toBe(length);
    expect(changed.subarray(0, 1184)).toEqual(report.subarray(0, length));
  });

  it('leaves the original alone', () => {
    expect(report).toEqual(before);
  });
});

describe('corrupted certificates', () => {
  it('differ in one bit of one, or have one less, another one or one twice', () => {
    const [changed = new Uint8Array(), ...rest] = corrupt.certificateBit(certificates, 0, 100, 0);
    expect(differences(changed, vek)).toEqual([100]);
    expect(rest).toEqual([middle, root]);
    expect(corrupt.certificateMissing(certificates, 1)).toEqual([vek, root]);
    expect(corrupt.certificateSwapped(certificates, 1, root)).toEqual([vek, root, root]);
    expect(corrupt.certificateTwice(certificates, 2)).toEqual([vek, middle, root, root]);
  });
});

describe('corrupted claims', () => {
  const claims = encodeCbor({ role: 'worker', runtime: '1' });
  const read = (bytes: Uint8Array): unknown => parseCbor(bytes, LIMITS.claimsBytes)?.value;

  it('differ in the claims named', () => {
    expect(read(corrupt.claims(claims, { runtime: '2' }))).toEqual({ role: 'worker', runtime: '2' });
    expect(read(corrupt.claims(claims, { runtime: null }))).toEqual({ role: 'worker' });
    expect(read(corrupt.claims(claims, { extra: 1 }))).toEqual({ role: 'worker', runtime: '1', extra: 1 });
  });

  it('are refused when they are no claims', () => {
    expect(() => corrupt.claims(Uint8Array.of(0), {})).toThrowError(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }),
    );
  });
});
