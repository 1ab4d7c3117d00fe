/**
 * The images that a relying party accepts: launch measurements that it lists itself, and the versions of releases that have not expired.
 * Checks a report against them; whether a release is authentic was decided in verify-release.ts.
 */
import type { Check } from '../../appraisal.ts';
import { encodeHex } from '../../base/bytes.ts';
import { parseInstant } from '../../base/time.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import type { AttestationReport } from '../snp/report.ts';
import type { ReleaseMeasurement, ReleaseVersion } from './release.ts';
import type { ReleaseSigners, VerifiedRelease } from './verify-release.ts';

/** A release that a trust file names. */
export interface TrustedRelease extends ReleaseSigners {
  /** The path as it stands in the trust file. */
  readonly release: string;
  /** What was read and verified for this appraisal; null accepts nothing. */
  readonly verified: VerifiedRelease | null;
}

/** A launch measurement, 96 lower-case hex digits, or a release. */
export type AcceptedImage = string | TrustedRelease;

/** Where in a list of versions a measurement stands. */
export interface VersionMatch {
  readonly version: ReleaseVersion;
  readonly measurement: ReleaseMeasurement;
  readonly until: Date;
}

/** An end that cannot be read has passed. */
const ENDED = new Date(0);

/** Finds the version with this measurement that is accepted the longest; null when there is none. */
export function findVersion(versions: readonly ReleaseVersion[], digest: string): VersionMatch | null {
  const matches = versions.flatMap((version) => {
    const measurement = version.measurements.find((row) => row.digest === digest);
    return measurement === undefined ? [] : [{ version, measurement, until: parseInstant(version.until) ?? ENDED }];
  });
  return matches.toSorted((a, b) => b.until.getTime() - a.until.getTime())[0] ?? null;
}

/** Names a shape of machine. */
export function formatShape({ vmm, vcpus, cpu }: ReleaseMeasurement): string {
  return `${vmm}, ${vcpus} vCPU${vcpus === 1 ? '' : 's'}${cpu === null ? '' : `, ${cpu}`}`;
}

function nameImage(image: AcceptedImage): string {
  if (typeof image === 'string') return image;
  if (image.verified === null) return `${image.release} (not read)`;
  const { publisher, serial, versions } = image.verified;
  const names = versions.map(({ version }) => version).join(', ') || 'no version';
  return `the release of ${publisher} with serial ${serial} (${names})`;
}

/** Checks that the launch measurement is an accepted one, and, where releases are named, that its version has not expired. */
export function checkImage(
  report: AttestationReport,
  images: readonly AcceptedImage[] | 'any',
  now: Date,
): readonly Check[] {
  const actual = encodeHex(report.measurement);
  if (images === 'any') return [skipCheck('code-measurement', images, actual)];
  const isListed = images.includes(actual);
  const releases = images.flatMap((image) => (typeof image === 'string' ? [] : [image]));
  const found = releases
    .flatMap(({ verified }) => {
      const match = verified === null ? null : findVersion(verified.versions, actual);
      return verified === null || match === null ? [] : [{ ...match, release: verified }];
    })
    .toSorted((a, b) => b.until.getTime() - a.until.getTime())[0];
  const expected = images.map(nameImage).join(', ') || 'none is listed';
  const measurement = makeCheck('code-measurement', isListed || found !== undefined, expected, actual);
  if (releases.length === 0) return [measurement];
  const demanded = 'a version that has not expired';
  if (isListed) return [measurement, skipCheck('code-release', demanded, 'the measurement itself is listed')];
  if (found === undefined) return [measurement, skipCheck('code-release', demanded, 'no version has this measurement')];
  const { release, version, until } = found;
  const name = `${release.publisher} ${version.version} (serial ${release.serial}; ${formatShape(found.measurement)}), until ${version.until}`;
  return [measurement, makeCheck('code-release', now < until, demanded, name)];
}
