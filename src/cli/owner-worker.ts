/** What the commands of owners share that speak to a worker: the trust file, the channel that is appraised first, and the notice that comes back. */
import { resolve } from 'node:path';
import { type DigestText, formatDigest } from '../base/digest.ts';
import { openCollateral } from '../client/collateral-source.ts';
import { parseOrigin } from '../client/origin.ts';
import { type OwnerChannel, openOwnerChannel } from '../client/owner-channel.ts';
import { writeWholeFile } from '../io/files.ts';
import type { Notice, NoticeState } from '../policy/signing/notice.ts';
import type { OwnerRequest } from '../policy/signing/owner-request.ts';
import { type CliInput, type CliIo, type CliOption, JSON_SWITCH, optionValue } from './command.ts';
import { KDS_OPTIONS, readCollateralSource } from './kds-options.ts';
import { printable, writeJson, writeLine, writeProgress } from './output.ts';
import { openTrust, TRUST_OPTION } from './trust-option.ts';

/** Options of every command that asks a worker to change something. */
export const OWNER_WORKER_OPTIONS: readonly CliOption[] = [
  TRUST_OPTION,
  { name: 'out', value: 'FILE', summary: "keep the worker's signed notice in FILE", repeatable: false },
  ...KDS_OPTIONS,
  JSON_SWITCH,
];

/** Data of 64 MiB goes out before an answer comes. */
const TIMEOUT_MS = 60_000;

/**
 * Appraises the worker and opens a channel to it.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError, TransportError, ConfigurationError
 */
export async function openChannel(url: string, input: CliInput, io: CliIo): Promise<OwnerChannel> {
  const trust = await openTrust(input, io);
  const now = (): Date => new Date();
  const collateral = await openCollateral(readCollateralSource(input, io), now);
  const origin = parseOrigin(url);
  const channel = await openOwnerChannel({
    origin,
    trust,
    clientCertificate: null,
    collateral,
    timeoutMs: TIMEOUT_MS,
    now,
  });
  writeProgress(io, `appraised ${origin.host}${channel.appraisal.simulated ? ' (SIMULATED)' : ''}`);
  return channel;
}

/** Gives the digest of an owner's policy that the worker claims, or null. */
export function claimedDigest({ claims }: OwnerChannel, owner: string): DigestText | null {
  const digest = Object.hasOwn(claims.policies, owner) ? claims.policies[owner] : undefined;
  return digest === undefined ? null : formatDigest(digest);
}

function showState(state: NoticeState | null): string {
  if (state === null) return 'nothing';
  return state.version === null ? state.digest : `version ${state.version} (${state.digest})`;
}

/** Sends a request, keeps the verified notice where `--out` says, and tells what the worker did. */
export async function askWorker(
  channel: OwnerChannel,
  request: OwnerRequest,
  input: CliInput,
  io: CliIo,
): Promise<Notice> {
  const { notice, signed } = await channel.request(request);
  const out = optionValue(input, 'out');
  if (out !== null) await writeWholeFile(resolve(io.cwd, out), signed);
  if (input.switches.has('json')) {
    writeJson(io, { simulated: channel.appraisal.simulated, notice });
    return notice;
  }
  const { owner, name, before, after, time } = notice;
  if (channel.appraisal.simulated) writeLine(io, 'SIMULATED: this worker runs on a simulated AMD');
  writeLine(io, printable(`${owner}, ${name}: ${showState(before)} -> ${showState(after)}`));
  writeLine(io, `the worker signed this at ${time}${out === null ? '' : `; kept in ${printable(out)}`}`);
  return notice;
}
