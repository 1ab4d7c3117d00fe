/** An image is accepted by its measurement, or by a version of a release until that expires; a release that was not read accepts nothing. */
import { describe, expect, it } from 'vitest';
import { type AcceptedImage, checkImage, findVersion } from '../../../src/attestation/release/accepted-images.ts';
import { parseReport } from '../../../src/attestation/snp/report.ts';
import { encodeHex } from '../../../src/base/bytes.ts';
import { SIMULATED_MEASUREMENT } from '../../../src/testing/index.ts';
import { NOW, sharedAmd } from '../../testing/shared-amd.ts';
import { verifiedRelease, versionUntil } from './releases.ts';

const amd = await sharedAmd();
const { report } = parseReport((await amd.issueReport()).report);
if (report === null) throw new Error('no report');

const OWN = encodeHex(SIMULATED_MEASUREMENT);
const later = new Date(NOW.getTime() + 1);
const other = versionUntil(later, '1.3.0', new Uint8Array(48));

/** Gives the outcomes by id. */
function outcomes(images: readonly AcceptedImage[] | 'any', now = NOW): Readonly<Record<string, string>> {
  if (report === null) return {};
  return Object.fromEntries(checkImage(report, images, now).map(({ id, outcome }) => [id, outcome]));
}

describe('an image', () => {
  it.each<[string, readonly AcceptedImage[] | 'any', Readonly<Record<string, string>>]>([
    ['by its measurement', [OWN], { 'code-measurement': 'pass' }],
    ['by nothing', [], { 'code-measurement': 'fail' }],
    ['where any is', 'any', { 'code-measurement': 'skipped' }],
    [
      'by a version of a release',
      [verifiedRelease(versionUntil(later))],
      { 'code-measurement': 'pass', 'code-release': 'pass' },
    ],
    [
      'by a version that expired just now',
      [verifiedRelease(versionUntil(NOW))],
      { 'code-measurement': 'pass', 'code-release': 'fail' },
    ],
    ['by a release without it', [verifiedRelease(other)], { 'code-measurement': 'fail', 'code-release': 'skipped' }],
    ['by a release of no version', [verifiedRelease()], { 'code-measurement': 'fail', 'code-release': 'skipped' }],
    [
      'by a release that was not read',
      [{ ...verifiedRelease(), verified: null }],
      { 'code-measurement': 'fail', 'code-release': 'skipped' },
    ],
    [
      'by its measurement, whatever a release says',
      [OWN, verifiedRelease(versionUntil(NOW))],
      { 'code-measurement': 'pass', 'code-release': 'skipped' },
    ],
    [
      'by the one of two releases that still has it',
      [verifiedRelease(versionUntil(NOW)), verifiedRelease(versionUntil(later))],
      { 'code-measurement': 'pass', 'code-release': 'pass' },
    ],
  ])('is judged %s', (_how, images, expected) => {
    expect(outcomes(images)).toEqual(expected);
  });

  it('is never accepted by a clock that shows no time', () => {
    expect(outcomes([verifiedRelease(versionUntil(later))], new Date(Number.NaN))['code-release']).toBe('fail');
  });

  it('is named with its version, its serial, its shape and its end', () => {
    const [, check] = checkImage(report, [verifiedRelease(versionUntil(later))], NOW);
    expect(check?.actual).toBe(`anchorhold 1.4.0 (serial 7; qemu, 2 vCPUs, EPYC-Genoa), until ${later.toISOString()}`);
  });
});

describe('a measurement in several versions', () => {
  it('is of the one that is accepted the longest', () => {
    const versions = [versionUntil(NOW, '1.4.0'), versionUntil(later, '1.4.1'), versionUntil(NOW, '1.4.2')];
    expect(findVersion(versions, OWN)?.version.version).toBe('1.4.1');
    expect(findVersion(versions, 'ff'.repeat(48))).toBeNull();
  });
});
