/** `anchorhold policy revoke`: withdraws an owner's policy from a worker; new work on everything that it lists stops at once. */
import { ConfigurationError, PolicyError } from '../errors.ts';
import { signStatement } from '../policy/signing/jws.ts';
import { stateForWorker } from '../policy/signing/statement.ts';
import type { CliCommand } from './command.ts';
import { printable } from './output.ts';
import { OWNER_KEY_OPTIONS, readOwnerKeys } from './owner-keys.ts';
import { askWorker, claimedDigest, OWNER_WORKER_OPTIONS, openChannel } from './owner-worker.ts';

export const policyRevokeCommand: CliCommand = {
  summary: "withdraw an owner's policy from a worker",
  example: 'anchorhold policy revoke https://127.0.0.1:8443 hospital-a --key hospital-a-1.owner.key',
  arguments: [
    { name: 'url', summary: 'the worker; it is appraised before anything is sent', required: true, repeatable: false },
    { name: 'owner', summary: 'the owner who withdraws', required: true, repeatable: false },
  ],
  options: [...OWNER_KEY_OPTIONS, ...OWNER_WORKER_OPTIONS],
  passThrough: false,
  async run(input, io) {
    const [url = '', owner = ''] = input.positionals;
    const keys = await readOwnerKeys(input, io);
    if (keys.length === 0) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', '--key FILE is missing');
    await using channel = await openChannel(url, input, io);
    const digest = claimedDigest(channel, owner);
    if (digest === null)
      throw new PolicyError('ERR_POLICY_NOT_IN_FORCE', `${printable(owner)} has no policy in force at this worker`);
    const about = { kind: 'revoke' as const, owner, name: 'policy', digest, size: 0 };
    const statement = stateForWorker(about, channel.claims.instance, new Date());
    const signatures = await Promise.all(keys.map((key) => signStatement(statement, key)));
    await askWorker(channel, { kind: 'revoke', statement, signatures, payload: new Uint8Array(0) }, input, io);
    return 0;
  },
};
