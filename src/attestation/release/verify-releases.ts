/**
 * The releases that a trust file names, verified for an appraisal: until then they accept nothing. Reading their files is the caller's part, and
 * done again before each appraisal, so that a new release counts without a new trust file.
 */
import { ConfigurationError } from '../../errors.ts';
import type { TrustFile } from '../trust-file.ts';
import type { AcceptedImage } from './accepted-images.ts';
import type { ReleaseSerials } from './release-serials.ts';
import { verifyRelease } from './verify-release.ts';

/** Gives the text of a release file by the path in the trust file. */
export type ReadRelease = (path: string) => Promise<string>;

/**
 * Gives the trust file with each of its releases verified; `serials` is what was seen before, and learns theirs.
 * @throws ConfigurationError ERR_CONFIGURATION_RELEASE, ERR_CONFIGURATION_RELEASE_OLD, and what reading throws
 */
export async function verifyReleases(trust: TrustFile, read: ReadRelease, serials: ReleaseSerials): Promise<TrustFile> {
  const measurements: AcceptedImage[] = [];
  for (const image of trust.code.measurements) {
    if (typeof image === 'string') {
      measurements.push(image);
      continue;
    }
    const content = await read(image.release);
    try {
      measurements.push({ ...image, verified: await verifyRelease(content, image, serials) });
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      throw new ConfigurationError(error.code, `${image.release}: ${error.message}`, { cause: error });
    }
  }
  return { ...trust, code: { ...trust.code, measurements } };
}
