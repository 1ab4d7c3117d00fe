/**
 * Loads a trust file. Owner policies that it names by file (`{"file": "./policy.yaml"}`) are read beside it and stand for their digest, so
 * that a reader can review the policy itself instead of a number. Releases are read beside it before each appraisal.
 */
import { basename, dirname, join } from 'node:path';
import { verifyReleases } from '../attestation/release/verify-releases.ts';
import { parseTrustFile, type TrustFile } from '../attestation/trust-file.ts';
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile, siblingReader } from '../io/files.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import { openFolderReleaseSerials, openMemoryReleaseSerials } from './release-serial-store.ts';
import { fixedTrust, type TrustSource } from './trust-source.ts';

function digestPolicy(folder: string, path: string): DigestText {
  const bytes = siblingReader(folder, LIMITS.policyBytes)(path);
  if (bytes === null) {
    const message = `the trust file names the policy file ${JSON.stringify(path)}, which does not exist in ${folder}`;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', message);
  }
  const references = siblingReader(dirname(join(folder, path)), LIMITS.referenceBytes);
  return parseOwnerPolicy(bytes, { file: basename(path), references }).digest;
}

/**
 * Reads a trust file and the policy files that it names, relative to it; its releases are not read yet and accept nothing.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, ERR_CONFIGURATION_TRUST
 * @throws PolicyError as parseOwnerPolicy does
 */
export async function loadTrustFile(path: string): Promise<TrustFile> {
  const text = await readTextFile(path, LIMITS.configurationBytes);
  try {
    return parseTrustFile(text, (file) => digestPolicy(dirname(path), file), 'read-later');
  } catch (error) {
    if (!(error instanceof ConfigurationError) || error.code !== 'ERR_CONFIGURATION_TRUST') throw error;
    throw new ConfigurationError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/**
 * Opens a trust file whose releases are read and verified before each appraisal. `memory` is a folder that keeps which releases were seen (mode
 * 0700, made when it is needed); null keeps that as long as the source.
 * @throws ConfigurationError, PolicyError as loadTrustFile does, and ERR_CONFIGURATION_FILE for a folder that cannot be used
 */
export async function openTrustFile(path: string, memory: string | null): Promise<TrustSource> {
  const file = await loadTrustFile(path);
  if (file.code.measurements.every((image) => typeof image === 'string')) return fixedTrust(file);
  const store = memory === null ? openMemoryReleaseSerials() : await openFolderReleaseSerials(memory);
  const read = async (name: string): Promise<string> =>
    await readTextFile(join(dirname(path), name), LIMITS.releaseBytes);
  return {
    file,
    async current() {
      const serials = await store.read();
      const verified = await verifyReleases(file, read, serials);
      await store.write(serials);
      return verified;
    },
  };
}
