/** The option `--trust` of the commands that ask a worker: its default, and what to do when there is no such file. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openTrustFile } from '../client/trust.ts';
import type { TrustSource } from '../client/trust-source.ts';
import { ConfigurationError } from '../errors.ts';
import { userCacheFolder } from '../io/collateral-cache.ts';
import { type CliInput, type CliIo, type CliOption, optionValue } from './command.ts';

const DEFAULT_TRUST_FILE = 'anchorhold.trust.json';

/** Describes the option. */
export const TRUST_OPTION: CliOption = {
  name: 'trust',
  value: 'FILE',
  summary: `what you demand of the worker (default: ${DEFAULT_TRUST_FILE})`,
  repeatable: false,
};

/**
 * Gives the absolute path of the trust file.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when none was named and there is none of the default name
 */
export function trustPath(input: CliInput, io: CliIo): string {
  const given = optionValue(input, 'trust');
  const path = resolve(io.cwd, given ?? DEFAULT_TRUST_FILE);
  if (given === null && !existsSync(path)) {
    const message = `there is no ${DEFAULT_TRUST_FILE} here: name one with --trust FILE; \`anchorhold dev\` writes one for its worker`;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', message);
  }
  return path;
}

/** Gives the folder in which the commands of this user remember which releases they saw. */
export function releaseMemory(): string {
  return join(userCacheFolder(), 'releases');
}

/**
 * Opens the trust file.
 * @throws ConfigurationError, PolicyError as trustPath and openTrustFile do
 */
export async function openTrust(input: CliInput, io: CliIo): Promise<TrustSource> {
  return await openTrustFile(trustPath(input, io), releaseMemory());
}
