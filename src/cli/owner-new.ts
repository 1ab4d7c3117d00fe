/** `anchorhold owner new`: makes a key that an owner signs policies with, keeps it, and prints its public half for the section `changes`. */
import { generateKeyPairSync } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { writeNewFiles } from '../io/new-file.ts';
import { formatOwnerKey } from '../policy/signing/threshold.ts';
import { parseName } from '../policy/words.ts';
import { type CliCommand, JSON_SWITCH, optionValue } from './command.ts';
import { writeJson, writeLine } from './output.ts';
import { readPassphrase } from './passphrase.ts';

export const ownerNew: CliCommand = {
  summary: 'make a key that an owner signs policies with',
  example: 'anchorhold owner new hospital-a-1',
  arguments: [{ name: 'name', summary: 'what the file is called: NAME.owner.key', required: true, repeatable: false }],
  options: [
    { name: 'out', value: 'DIR', summary: 'where to keep it (default: here)', repeatable: false },
    {
      name: 'passphrase-file',
      value: 'FILE',
      summary: 'encrypt the key under the passphrase that this file holds',
      repeatable: false,
    },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const name = parseName(input.positionals[0] ?? '');
    if (!name.ok) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', name.why);
    const passphrase = await readPassphrase(input, io);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const encryption = passphrase === null ? {} : { cipher: 'aes-256-cbc', passphrase };
    const content = privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption });
    const path = join(resolve(io.cwd, optionValue(input, 'out') ?? '.'), `${name.value}.owner.key`);
    await writeNewFiles([{ path, content, secret: true }]);
    const key = formatOwnerKey(publicKey.export({ type: 'spki', format: 'der' }));
    const shown = relative(io.cwd, path);
    if (input.switches.has('json')) {
      writeJson(io, { file: path, key, encrypted: passphrase !== null });
      return 0;
    }
    writeLine(io, `wrote ${shown}: keep it to yourself, and a copy where it cannot be lost`);
    writeLine(io, 'in the policy, under changes:');
    writeLine(io, `  keys: [${key}]`);
    writeLine(io, '  needed: 1');
    return 0;
  },
};
