/** `anchorhold policy push`: gives a worker another version of an owner's policy, with the signatures that the one in force demands. */
import { basename, dirname, resolve } from 'node:path';
import { parseUtf8 } from '../base/bytes.ts';
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError, PolicyError } from '../errors.ts';
import { readBytesFile, siblingReader } from '../io/files.ts';
import { comparePolicies, renderChange } from '../policy/compare/compare-policies.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { signStatement } from '../policy/signing/jws.ts';
import type { PolicySource } from '../policy/signing/owner-request.ts';
import { statePolicy } from '../policy/signing/statement.ts';
import { type CliCommand, type CliIo, optionValue } from './command.ts';
import { writeProgress } from './output.ts';
import { OWNER_KEY_OPTIONS, readOwnerKeys } from './owner-keys.ts';
import { askWorker, claimedDigest, OWNER_WORKER_OPTIONS, openChannel } from './owner-worker.ts';
import { readSignaturesOf } from './policy-signatures.ts';

/** Reads a policy with every file that it refers to, as they go to the worker. */
async function readSource(
  path: string,
  io: CliIo,
): Promise<{ readonly policy: OwnerPolicy; readonly sent: PolicySource }> {
  const at = resolve(io.cwd, path);
  const source = parseUtf8(await readBytesFile(at, LIMITS.policyBytes)) ?? '';
  const file = basename(path);
  const references: Record<string, Uint8Array> = Object.create(null);
  const read = siblingReader(dirname(at), LIMITS.referenceBytes);
  const policy = parseOwnerPolicy(source, {
    file,
    references: (name) => {
      const bytes = read(name);
      if (bytes !== null) references[name] = bytes;
      return bytes;
    },
  });
  return { policy, sent: { file, source, references: { ...references } } };
}

/**
 * Refuses a policy that allows anything that the one in force refuses; `path` is the file of the one in force.
 * @throws PolicyError ERR_POLICY_WIDER; ERR_POLICY_STATEMENT when the file is not what is in force
 */
async function refuseWider(policy: OwnerPolicy, path: string, inForce: DigestText | null, io: CliIo): Promise<void> {
  const { policy: older } = await readSource(path, io);
  if (older.digest !== inForce || older.owner !== policy.owner)
    throw new PolicyError('ERR_POLICY_STATEMENT', `${path} is not what is in force for ${policy.owner} at this worker`);
  const { opened } = comparePolicies(older, policy);
  if (opened.length === 0) return;
  const sentences = opened.map((one) => renderChange('opened', one).split('\n')[0]).join(' ');
  throw new PolicyError('ERR_POLICY_WIDER', `nothing was sent, because the new version is wider: ${sentences}`);
}

export const policyPushCommand: CliCommand = {
  summary: "give a worker another version of an owner's policy",
  example: 'anchorhold policy push https://127.0.0.1:8443 hospital-a.yaml --key hospital-a-1.owner.key',
  arguments: [
    { name: 'url', summary: 'the worker; it is appraised before anything is sent', required: true, repeatable: false },
    { name: 'file', summary: "the owner's policy file", required: true, repeatable: false },
  ],
  options: [
    {
      name: 'sig',
      value: 'FILE',
      summary: 'signatures of the policy (default: FILE.sig beside it)',
      repeatable: false,
    },
    {
      name: 'from',
      value: 'FILE',
      summary: 'the version in force: send nothing that allows more',
      repeatable: false,
    },
    ...OWNER_KEY_OPTIONS,
    ...OWNER_WORKER_OPTIONS,
  ],
  passThrough: false,
  async run(input, io) {
    const [url = '', file = ''] = input.positionals;
    const { policy, sent } = await readSource(file, io);
    const statement = statePolicy(policy);
    const kept = await readSignaturesOf(policy, optionValue(input, 'sig') ?? `${file}.sig`, io);
    const keys = await readOwnerKeys(input, io);
    const signatures = [
      ...new Set([...kept, ...(await Promise.all(keys.map((key) => signStatement(statement, key))))]),
    ];
    if (signatures.length === 0) {
      const message = `nobody signed ${file}: give --key FILE, or sign it with \`anchorhold policy sign\``;
      throw new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
    }
    await using channel = await openChannel(url, input, io);
    const from = optionValue(input, 'from');
    const { owner, version } = policy;
    if (from !== null) await refuseWider(policy, from, claimedDigest(channel, owner), io);
    writeProgress(
      io,
      `in force for ${owner}: ${claimedDigest(channel, owner) ?? 'nothing'}; sending version ${version}`,
    );
    await askWorker(channel, { kind: 'policy', statement, signatures, policy: sent }, input, io);
    return 0;
  },
};
