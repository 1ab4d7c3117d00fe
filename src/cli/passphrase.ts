/** The option `--passphrase-file`: a passphrase never stands on a command line, where other users of the machine can read it. */
import { resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import { type CliInput, type CliIo, optionValue } from './command.ts';

/** The shortest passphrase that a key is kept under. */
const MIN_PASSPHRASE = 8;

/**
 * Reads the passphrase, without the end of its line; null when no file is named.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE; ERR_CONFIGURATION_USAGE when it is too short
 */
export async function readPassphrase(input: CliInput, io: CliIo): Promise<string | null> {
  const file = optionValue(input, 'passphrase-file');
  if (file === null) return null;
  const passphrase = (await readTextFile(resolve(io.cwd, file), LIMITS.policyScalarBytes)).replace(/\r?\n$/, '');
  if (passphrase.length >= MIN_PASSPHRASE) return passphrase;
  const message = `the passphrase in ${file} has under ${MIN_PASSPHRASE} characters`;
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}
