/** What `anchorhold data` and `anchorhold secret` do: appraise the worker, seal, sign, and say where the worker keeps it. */
import { resolve } from 'node:path';
import { encodeHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { OwnerAnswer, OwnerChannel } from '../client/owner-channel.ts';
import { forget, type OwnedName, putData, putSecret } from '../client/owner-uploads.ts';
import { ConfigurationError } from '../errors.ts';
import { readBytesFile, writeWholeFile } from '../io/files.ts';
import { MAX_SECRET_BYTES, type UploadKind } from '../policy/sealed-upload.ts';
import { type CliInput, type CliIo, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { readOwnerKeys } from './owner-keys.ts';
import { openChannel } from './owner-worker.ts';
import { readStandardInput } from './standard-input.ts';

const LINE_END = /\r?\n$/;

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/** Gives the owner that was named, or the only one whom the worker has. */
function readOwner(input: CliInput, { claims }: OwnerChannel): string {
  const given = optionValue(input, 'owner');
  if (given !== null) return given;
  const [only, ...others] = Object.keys(claims.policies);
  if (only !== undefined && others.length === 0) return only;
  throw usage(`--owner NAME is missing: the worker has policies of ${[only, ...others].join(', ') || 'nobody'}`);
}

/** Says in words where the worker keeps what it holds. */
function describeStorage({ claims }: OwnerChannel): string {
  const { storage, keys } = claims.lockdown;
  if (storage !== 'sealed') return 'in memory: load it again when the worker starts again';
  const simulated = keys?.startsWith('simulated') === true ? ' (SIMULATED key: the operator can read it)' : '';
  return `sealed on its disk under a key of ${keys ?? 'an unknown source'}${simulated}`;
}

/** Keeps the worker's signed notice where `--out` says, and tells what was done. */
async function report(
  input: CliInput,
  io: CliIo,
  channel: OwnerChannel,
  { answer: { notice, signed }, line }: { readonly answer: OwnerAnswer; readonly line: string },
): Promise<void> {
  const out = optionValue(input, 'out');
  if (out !== null) await writeWholeFile(resolve(io.cwd, out), signed);
  const { simulated } = channel.appraisal;
  if (input.switches.has('json')) {
    const { storage = null, keys = null } = channel.claims.lockdown;
    writeJson(io, { simulated, storage, keys, notice });
    return;
  }
  if (simulated) writeLine(io, 'SIMULATED: this worker runs on a simulated AMD');
  writeLine(io, printable(line));
}

async function withOwned(
  input: CliInput,
  io: CliIo,
  name: string,
  act: (channel: OwnerChannel, owned: OwnedName) => Promise<{ readonly answer: OwnerAnswer; readonly line: string }>,
): Promise<number> {
  const keys = await readOwnerKeys(input, io);
  if (keys.length === 0) throw usage('--key FILE is missing: a private key of the owner, as often as the policy needs');
  await using channel = await openChannel(input.positionals[0] ?? '', input, io);
  const owned = { owner: readOwner(input, channel), name, keys, now: new Date() };
  await report(input, io, channel, await act(channel, owned));
  return 0;
}

/** Loads a file as data. */
export async function dataPut(input: CliInput, io: CliIo): Promise<number> {
  const name = optionValue(input, 'as');
  if (name === null) throw usage('--as NAME is missing: the name of the data in the policy');
  const content = await readBytesFile(resolve(io.cwd, input.positionals[1] ?? ''), LIMITS.uploadBytes);
  return await withOwned(input, io, name, async (channel, owned) => {
    const answer = await putData(channel, owned, content);
    const what = `${name} of ${owned.owner} is loaded, ${content.length} bytes`;
    return { answer, line: `${what}; the worker keeps it ${describeStorage(channel)}` };
  });
}

/** Reads a secret from a file or standard input, without the line end behind it; never from the command line, which others can see. */
async function readSecret(input: CliInput, io: CliIo): Promise<Uint8Array> {
  const path = optionValue(input, 'file');
  const most = MAX_SECRET_BYTES + 2;
  const read =
    path === null ? await readStandardInput(io.stdin, most) : await readBytesFile(resolve(io.cwd, path), most);
  const text = Buffer.from(read).toString('latin1').replace(LINE_END, '');
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** Hands over a secret. */
export async function secretPut(input: CliInput, io: CliIo): Promise<number> {
  const secret = await readSecret(input, io);
  return await withOwned(input, io, input.positionals[1] ?? '', async (channel, owned) => {
    const answer = await putSecret(channel, owned, secret);
    secret.fill(0);
    const what = `the secret ${owned.name} of ${owned.owner} is in the worker`;
    return { answer, line: `${what}; it keeps it ${describeStorage(channel)}` };
  });
}

/** Takes data or a secret back. */
export async function forgetNamed(kind: UploadKind, input: CliInput, io: CliIo): Promise<number> {
  return await withOwned(input, io, input.positionals[1] ?? '', async (channel, owned) => {
    const answer = await forget(channel, kind, owned);
    const was = answer.notice.before === null ? 'was not in the worker' : 'is forgotten';
    return { answer, line: `${owned.name} of ${owned.owner} ${was}` };
  });
}

/** Lists what policies in force name, and whether it is there. */
export async function dataList(input: CliInput, io: CliIo): Promise<number> {
  await using channel = await openChannel(input.positionals[0] ?? '', input, io);
  const owners = await channel.held();
  if (input.switches.has('json')) {
    const instance = encodeHex(channel.claims.instance);
    writeJson(io, { simulated: channel.appraisal.simulated, instance, owners });
    return 0;
  }
  for (const [owner, held] of Object.entries(owners)) {
    if (held === null) writeLine(io, printable(`${owner} does not show what is held`));
    for (const [name, state] of Object.entries(held?.data ?? {}))
      writeLine(io, printable(`${owner} data ${name} ${state}`));
    for (const [name, state] of Object.entries(held?.secrets ?? {}))
      writeLine(io, printable(`${owner} secret ${name} ${state}`));
  }
  writeLine(io, `what is held is kept ${describeStorage(channel)}`);
  return 0;
}
