/** A release counts when enough of the named keys signed exactly it, and none with a higher serial was seen; every other one is refused. */
import { describe, expect, it } from 'vitest';
import { formatRelease, parseRelease, type Release } from '../../../src/attestation/release/release.ts';
import {
  isReleaseSeries,
  type ReleaseSeries,
  releaseSeries,
} from '../../../src/attestation/release/release-serials.ts';
import { verifyRelease } from '../../../src/attestation/release/verify-release.ts';
import { signDetached } from '../../../src/base/detached-jws.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { createRisingNumbers, type RisingNumbers } from '../../../src/base/rising-numbers.ts';
import { signStatement } from '../../../src/policy/signing/jws.ts';
import { formatOwnerKey } from '../../../src/policy/signing/threshold.ts';
import { codeOf, makeKeys } from '../../policy/signing/keys.ts';
import { NOW } from '../../testing/shared-amd.ts';
import { releaseOf, signRelease, versionUntil } from './releases.ts';

const [a, b, stranger] = await makeKeys(3);
if (a === undefined || b === undefined || stranger === undefined) throw new Error('no keys');
const keys = [a, b].map(({ spki }) => formatOwnerKey(spki));
const release = releaseOf([versionUntil(NOW)]);
const nothing = (): RisingNumbers<ReleaseSeries> => createRisingNumbers([]);
const verify = async (content: string, needed = 1, serials = nothing()): Promise<string | null> =>
  await codeOf(() => verifyRelease(content, { keys, needed }, serials));

const REFUSED = 'ERR_CONFIGURATION_RELEASE';

describe('the signatures of a release', () => {
  it('are enough where as many of the named keys signed as are needed', async () => {
    const { signedBy, ...verified } = await verifyRelease(
      await signRelease(release, [b, a, stranger]),
      { keys, needed: 2 },
      nothing(),
    );
    expect(verified).toEqual(release);
    expect(signedBy).toEqual([a.spki, b.spki]);
  });

  it.each([
    ['nobody', [], 1],
    ['one of two', [a], 2],
    ['one key twice', [a, a].slice(0, 1), 2],
    ['a stranger', [stranger], 1],
    ['one key where the demand is none', [a], 0],
    ['one key where the demand is no number', [a], Number.NaN],
  ])('are not enough by %s', async (_who, signers, needed) => {
    expect(await verify(await signRelease(release, signers), needed)).toBe(REFUSED);
  });

  it.each<[string, (release: Release) => Release]>([
    ['serial', (r) => ({ ...r, serial: 8 })],
    ['publisher', (r) => ({ ...r, publisher: 'other' })],
    ['end of a version', (r) => ({ ...r, versions: [{ ...versionUntil(NOW), until: '2099-01-01T00:00:00Z' }] })],
    ['measurement', (r) => ({ ...r, versions: [versionUntil(NOW, '1.4.0', new Uint8Array(48))] })],
    ['list of versions', (r) => ({ ...r, versions: [] })],
  ])('do not count for another %s', async (_field, change) => {
    const { signatures } = parseRelease(await signRelease(release, [a]));
    expect(await verify(formatRelease({ release, signatures }))).toBeNull();
    expect(await verify(formatRelease({ release: change(release), signatures }))).toBe(REFUSED);
  });

  it('are not those of an owner over the same content', async () => {
    const [ours, theirs] = [await signDetached('anchorhold-release', release, a), await signStatement(release, a)];
    expect(await verify(formatRelease({ release, signatures: [ours] }))).toBeNull();
    expect(await verify(formatRelease({ release, signatures: [theirs] }))).toBe(REFUSED);
  });

  it('are at most as many as are looked at', async () => {
    const { signatures } = parseRelease(await signRelease(release, [a]));
    const strangers = await Promise.all(
      (await makeKeys(LIMITS.statementSignatures)).map((key) => signRelease(release, [key])),
    );
    const others = strangers.flatMap((content) => parseRelease(content).signatures);
    expect(await verify(formatRelease({ release, signatures: [...others.slice(1), ...signatures] }))).toBeNull();
    expect(await verify(formatRelease({ release, signatures: [...signatures, ...others] }))).toBe(REFUSED);
  });

  it('cannot be made by a key that is none', async () => {
    const content = await signRelease(release, [a]);
    const other = { keys: [...keys, 'ed25519:AAAA'], needed: 1 };
    expect(await codeOf(() => verifyRelease(content, other, nothing()))).toBe(REFUSED);
  });
});

describe('the serial of a release', () => {
  const serials = (serial: bigint, key = a): RisingNumbers<ReleaseSeries> =>
    createRisingNumbers([[releaseSeries(key.spki, 'anchorhold'), serial]]);

  it('may be the highest that was seen, or higher, and is remembered for each key', async () => {
    const seen = serials(7n);
    expect(await verify(await signRelease(release, [a]), 1, seen)).toBeNull();
    expect(await verify(await signRelease(releaseOf([], 9), [a]), 1, seen)).toBeNull();
    expect(seen.entries().map(([, serial]) => serial)).toEqual([9n, 9n]);
    expect(seen.entries().every(([name]) => isReleaseSeries(name))).toBe(true);
  });

  it('is refused below one that was seen', async () => {
    expect(await verify(await signRelease(release, [a]), 1, serials(8n))).toBe('ERR_CONFIGURATION_RELEASE_OLD');
  });

  it('is refused also when another of the keys made the newer one', async () => {
    const seen = nothing();
    expect(await verify(await signRelease(releaseOf([], 8), [a]), 1, seen)).toBeNull();
    expect(await verify(await signRelease(release, [b]), 1, seen)).toBe('ERR_CONFIGURATION_RELEASE_OLD');
  });

  it('of another publisher says nothing', async () => {
    const seen = createRisingNumbers<ReleaseSeries>([[releaseSeries(a.spki, 'other'), 99n]]);
    expect(await verify(await signRelease(release, [a]), 1, seen)).toBeNull();
  });

  it('is not learnt from a release that was not verified', async () => {
    const seen = nothing();
    expect(await verify(await signRelease(releaseOf([], 99), [stranger]), 1, seen)).toBe(REFUSED);
    expect(seen.entries()).toEqual([]);
  });
});

describe('a release file', () => {
  const content = async (change: (file: Record<string, unknown>) => unknown): Promise<string> => {
    const file = JSON.parse(await signRelease(release, [a])) as Record<string, unknown>;
    return JSON.stringify(change(file));
  };
  const version = (change: object): Record<string, unknown> => ({ versions: [{ ...versionUntil(NOW), ...change }] });
  const [row] = versionUntil(NOW).measurements;

  it('is written and read back', async () => {
    const signed = parseRelease(await signRelease(release, [a, b]));
    expect(signed.release).toEqual(release);
    expect(parseRelease(formatRelease(signed))).toEqual(signed);
  });

  it.each<[string, Record<string, unknown>]>([
    ['another format', { anchorhold: 'release/2' }],
    ['a publisher with capitals', { publisher: 'Anchorhold' }],
    ['a serial of nothing', { serial: 0 }],
    ['a serial that is no integer', { serial: 1.5 }],
    ['a serial that numbers cannot hold', { serial: 2 ** 53 }],
    ['a key that is not known', { more: true }],
    ['a version twice', { versions: [versionUntil(NOW), versionUntil(NOW)] }],
    [
      'too many versions',
      { versions: Array.from({ length: LIMITS.releaseVersions + 1 }, (_, i) => versionUntil(NOW, `1.${i}`)) },
    ],
    ['a version with a blank', version({ version: '1 4' })],
    ['an end that is no time', version({ until: '2027-13-01T00:00:00Z' })],
    ['a day for an end', version({ until: '2027-01-01' })],
    ['a manifest that is no digest', version({ manifest: 'aa'.repeat(32) })],
    ['a short launch digest', version({ measurements: [{ ...row, digest: 'aa' }] })],
    ['an unknown VMM', version({ measurements: [{ ...row, vmm: 'xen' }] })],
    ['no vCPU', version({ measurements: [{ ...row, vcpus: 0 }] })],
    ['too many shapes', version({ measurements: Array.from({ length: LIMITS.releaseMeasurements + 1 }, () => row) })],
    ['an unknown bank', version({ pcrs: { sha1: {} } })],
    ['a register beyond the last', version({ pcrs: { sha256: { '24': 'aa'.repeat(32) } } })],
    ['a register of another bank', version({ pcrs: { sha384: { '4': 'aa'.repeat(32) } } })],
    ['registers that are a list', version({ pcrs: [] })],
    ['signatures that are none', { signatures: ['x'] }],
  ])('with %s is refused', async (_what, change) => {
    expect(await codeOf(async () => parseRelease(await content((file) => file)))).toBeNull();
    expect(await codeOf(async () => parseRelease(await content((file) => ({ ...file, ...change }))))).toBe(REFUSED);
  });

  it('over its cap is refused unread', async () => {
    const signed = await signRelease(release, [a]);
    expect(await verify(`${signed}${' '.repeat(LIMITS.releaseBytes - signed.length)}`)).toBeNull();
    expect(await verify(`${signed}${' '.repeat(LIMITS.releaseBytes - signed.length + 1)}`)).toBe(REFUSED);
  });

  it('that is no JSON, or has a key twice, is refused', async () => {
    expect(await verify('{')).toBe(REFUSED);
    expect(await verify((await signRelease(release, [a])).replace('{', '{"serial": 7,'))).toBe(REFUSED);
  });
});
