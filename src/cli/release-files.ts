/** The files that the commands of `anchorhold release` read: manifests of images, and release files that are there or not yet. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { versionOfManifest } from '../attestation/release/manifest.ts';
import { parseRelease, type ReleaseVersion, type SignedRelease } from '../attestation/release/release.ts';
import { LIMITS } from '../base/limits.ts';
import { parseDay, parseInstant } from '../base/time.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import type { CliIo } from './command.ts';

/**
 * Reads a manifest as a version that is accepted until then.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readManifest(path: string, until: Date, io: CliIo): Promise<ReleaseVersion> {
  const content = await readTextFile(resolve(io.cwd, path), LIMITS.imageManifestBytes);
  try {
    return versionOfManifest(content, until);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/**
 * Reads a release file; null when there is none yet.
 * @throws ConfigurationError ERR_CONFIGURATION_RELEASE, ERR_CONFIGURATION_FILE
 */
export async function readReleaseFile(path: string, io: CliIo): Promise<SignedRelease | null> {
  const at = resolve(io.cwd, path);
  return existsSync(at) ? parseRelease(await readTextFile(at, LIMITS.releaseBytes)) : null;
}

/**
 * Reads a day (its first moment, UTC) or an instant.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function readUntil(value: string): Date {
  const until = parseDay(value) ?? parseInstant(value);
  if (until !== null) return until;
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--until ${value}: write a day such as 2027-06-01`);
}
