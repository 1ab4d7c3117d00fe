/**
 * Loads a trust file. Owner policies that it names by file (`{"file": "./policy.yaml"}`) are read beside it and stand for their digest, so
 * that a reader can review the policy itself instead of a number.
 */
import { basename, dirname, join } from 'node:path';
import { parseTrustFile, type TrustFile } from '../attestation/trust-file.ts';
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile, siblingReader } from '../io/files.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';

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
 * Reads a trust file and the policy files that it names, relative to it.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, ERR_CONFIGURATION_TRUST
 * @throws PolicyError as parseOwnerPolicy does
 */
export async function loadTrustFile(path: string): Promise<TrustFile> {
  const text = await readTextFile(path, LIMITS.configurationBytes);
  try {
    return parseTrustFile(text, (file) => digestPolicy(dirname(path), file));
  } catch (error) {
    if (!(error instanceof ConfigurationError) || error.code !== 'ERR_CONFIGURATION_TRUST') throw error;
    throw new ConfigurationError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
