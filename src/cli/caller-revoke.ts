/**
 * `anchorhold caller revoke`: writes the entry that takes a proof back, for the section `revoked` of a policy, and on demand puts it there.
 * It comes into force when the new version does; that is signed and pushed like any other.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { encodeBase64 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile, siblingReader, writeWholeFile } from '../io/files.ts';
import { runPolicyTests } from '../policy/explain.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { readFileProof } from './caller-proofs.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { addRevocation } from './policy-edit.ts';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

const certificateEntry = (pin: string): string => `{ certificate: ${pin} }`;
const keyEntry = (key: string): string => `{ key: ${key} }`;

/** Writes the entry of one token or of all tokens of a subject; null when the options name none. */
function tokenEntry(input: CliInput): string | null {
  const [issuer, subject, id] = ['issuer', 'subject', 'id'].map((name) => optionValue(input, name));
  if (issuer == null && subject == null && id == null) return null;
  if (issuer == null || (subject == null) === (id == null)) {
    throw usage('a token is named by --issuer URL with either --subject NAME or --id TEXT');
  }
  const which = subject == null ? `id: ${JSON.stringify(id)}` : `subject: ${JSON.stringify(subject)}`;
  return `{ token: { issuer: ${issuer}, ${which} } }`;
}

/** Finds what is meant: a key or pin as it stands in policies, the name of a caller who has one key, or a file. */
async function findEntry(proof: string, policy: OwnerPolicy, io: CliIo): Promise<string> {
  if (proof.startsWith('ed25519:')) return keyEntry(proof);
  if (proof.startsWith('spki-sha256:')) return certificateEntry(proof);
  const caller = policy.callers.find(({ name }) => name === proof);
  if (caller?.kind === 'key') return keyEntry(`ed25519:${encodeBase64(caller.spki)}`);
  if (caller?.kind === 'certificate' && caller.pin !== null) return certificateEntry(`spki-${caller.pin}`);
  const path = resolve(io.cwd, proof);
  if (caller !== undefined && !existsSync(path)) {
    throw usage(`more than one ${caller.kind} can prove to be ${proof}: name the one that is meant by its file`);
  }
  const read = readFileProof(await readTextFile(path, LIMITS.referenceBytes));
  if (read === null) throw usage(`${printable(proof)} is neither a certificate nor an Ed25519 public key in PEM`);
  return read.kind === 'key' ? keyEntry(read.key) : certificateEntry(read.pin);
}

export const callerRevoke: CliCommand = {
  summary: "take a caller's certificate, key or token back in a policy",
  example: 'anchorhold caller revoke hospital-a.yaml callers/analysts.pem --write',
  arguments: [
    { name: 'policy', summary: "the owner's policy file", required: true, repeatable: false },
    {
      name: 'proof',
      summary: "the caller's certificate or public key (a file, ed25519:..., spki-sha256:...), or a name in callers",
      required: false,
      repeatable: false,
    },
  ],
  options: [
    { name: 'issuer', value: 'URL', summary: 'for a token: who issued it', repeatable: false },
    { name: 'subject', value: 'NAME', summary: 'for all tokens of a person: their sub', repeatable: false },
    { name: 'id', value: 'TEXT', summary: 'for one token: its jti', repeatable: false },
    { name: 'write', value: null, summary: 'put the entry into the file, and raise its version', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const [file = '', proof] = input.positionals;
    const path = resolve(io.cwd, file);
    const references = siblingReader(dirname(path), LIMITS.referenceBytes);
    const parse = (text: string): OwnerPolicy => parseOwnerPolicy(text, { file, references });
    const text = await readTextFile(path, LIMITS.policyBytes);
    const policy = parse(text);
    const token = tokenEntry(input);
    if ((proof === undefined) === (token === null))
      throw usage('name one proof: a file, a key, or a token by its options');
    const entry = token ?? (await findEntry(proof ?? '', policy, io));
    const edited = addRevocation(text, policy, entry, parse);
    const isWritten = input.switches.has('write');
    if (isWritten && edited === null) {
      throw usage(`${printable(file)} cannot be edited without a doubt: add ${entry} to its section revoked by hand`);
    }
    if (isWritten && edited !== null) await writeWholeFile(path, edited);
    const version = policy.version + 1;
    const failing = edited === null ? [] : runPolicyTests(parse(edited)).filter(({ passed }) => !passed);
    if (input.switches.has('json')) {
      writeJson(io, {
        file,
        entry,
        written: isWritten,
        version,
        failingTests: failing.map(({ question }) => question),
      });
      return 0;
    }
    if (isWritten) writeLine(io, `${printable(file)}: revoked ${entry}; it is version ${version} now`);
    else {
      writeLine(io, 'write into the section revoked of your policy, and raise its version:');
      writeLine(io, `  - ${entry}`);
    }
    for (const { question } of failing)
      writeLine(io, printable(`note: the policy's own test does not hold any more: ${question}`));
    writeLine(io, 'it counts once this version is in force: sign it and push it');
    return 0;
  },
};
