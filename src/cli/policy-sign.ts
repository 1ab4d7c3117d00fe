/** `anchorhold policy sign`: adds a signature of an owner's key to `F.sig`. */
import { resolve } from 'node:path';
import { ConfigurationError } from '../errors.ts';
import { writeWholeFile } from '../io/files.ts';
import { signStatement } from '../policy/signing/jws.ts';
import { formatSignatureFile } from '../policy/signing/signature-file.ts';
import { statePolicy } from '../policy/signing/statement.ts';
import { type CliCommand, JSON_SWITCH } from './command.ts';
import { writeJson, writeLine } from './output.ts';
import { OWNER_KEY_OPTIONS, readOwnerKeys } from './owner-keys.ts';
import { loadPolicy } from './policy.ts';
import { isSameStatement, readSignatureFile } from './policy-signatures.ts';

export const policySignCommand: CliCommand = {
  summary: "sign a policy with an owner's key, in FILE.sig beside it",
  example: 'anchorhold policy sign hospital-a.yaml --key hospital-a-1.owner.key',
  arguments: [{ name: 'file', summary: "the owner's policy file", required: true, repeatable: false }],
  options: [...OWNER_KEY_OPTIONS, JSON_SWITCH],
  passThrough: false,
  async run(input, io) {
    const file = input.positionals[0] ?? '';
    const policy = await loadPolicy(file, io);
    const keys = await readOwnerKeys(input, io);
    if (keys.length === 0) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', '--key FILE is missing');
    const statement = statePolicy(policy);
    const path = `${file}.sig`;
    const before = await readSignatureFile(path, io);
    // Signatures of another version are good for nothing any more.
    const kept = before !== null && isSameStatement(before.statement, statement) ? before.signatures : [];
    const made = await Promise.all(keys.map((key) => signStatement(statement, key)));
    const signatures = [...new Set([...kept, ...made])];
    await writeWholeFile(resolve(io.cwd, path), formatSignatureFile({ statement, signatures }));
    const { owner, version, digest } = statement;
    if (input.switches.has('json'))
      writeJson(io, { file: path, owner, version, digest, signatures: signatures.length });
    else writeLine(io, `${path}: ${owner}, version ${version}, ${digest}: ${signatures.length} signed`);
    return 0;
  },
};
