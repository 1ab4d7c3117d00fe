/** The options `--key` and `--passphrase-file` of the commands that owners sign with: reads Ed25519 keys, encrypted or not. */
import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import { importSigningKey, type SigningKey } from '../base/ed25519.ts';
import { LIMITS } from '../base/limits.ts';
import { SecretError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import { type CliInput, type CliIo, type CliOption, optionValues } from './command.ts';
import { readPassphrase } from './passphrase.ts';

/** Describes the options. */
export const OWNER_KEY_OPTIONS: readonly CliOption[] = [
  { name: 'key', value: 'FILE', summary: "an owner's private key, as owner new makes it", repeatable: true },
  { name: 'passphrase-file', value: 'FILE', summary: 'holds the passphrase of the keys', repeatable: false },
];

async function readKey(path: string, passphrase: string | null, io: CliIo): Promise<SigningKey> {
  const pem = await readTextFile(resolve(io.cwd, path), LIMITS.configurationBytes);
  let plain: string;
  try {
    plain = createPrivateKey({ key: pem, ...(passphrase === null ? {} : { passphrase }) }).export({
      type: 'pkcs8',
      format: 'pem',
    });
  } catch (cause) {
    const help = passphrase === null ? '; an encrypted one needs --passphrase-file' : ', or the passphrase is wrong';
    throw new SecretError('ERR_SECRET_UNREADABLE', `${path} holds no private key in PEM${help}`, { cause });
  }
  return await importSigningKey(plain);
}

/**
 * Reads the keys of `--key`, in order.
 * @throws SecretError ERR_SECRET_UNREADABLE, ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readOwnerKeys(input: CliInput, io: CliIo): Promise<readonly SigningKey[]> {
  const passphrase = await readPassphrase(input, io);
  return await Promise.all(optionValues(input, 'key').map((path) => readKey(path, passphrase, io)));
}
