/**
 * `anchorhold image boot`: starts QEMU with an image and a configuration. On a host without SEV-SNP the machine is emulated, proves nothing, and
 * everything that is said of it says SIMULATED.
 */
import { resolve } from 'node:path';
import { parseCpuType } from '../attestation/measurement/cpu.ts';
import { encodeHex, equalBytes } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { parseConfigDemand } from '../enclave/image/config-demand.ts';
import { readConfigDisk } from '../enclave/image/config-disk.ts';
import { ConfigurationError } from '../errors.ts';
import { launchDigest, readBootFolder } from '../image/boot-folder.ts';
import { findCarrier, QEMU, startQemu } from '../image/qemu.ts';
import { type Carrier, type GuestMachine, qemuOptions, shellLine } from '../image/qemu-options.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';

const DEFAULT_FOLDER = '.anchorhold/image';
const DEFAULT_CPU = 'EPYC-v4';
/** What the image is made for; less than the smaller one does not hold the unpacked image. */
const DEFAULT_MEMORY_MB = 512;
const LEAST_MEMORY_MB = 384;
const MOST_MEMORY_MB = 1024 * 1024;

const SIMULATED =
  'note: SIMULATED: this host has no SEV-SNP that this user may use, so the machine is emulated: the host sees all of it, its worker finds no report device, and it powers off\n';

function readNumber(
  input: CliInput,
  name: string,
  otherwise: number,
  [least, most]: readonly [number, number],
): number {
  const text = optionValue(input, name) ?? String(otherwise);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--${name} ${text}: write a number from ${least} to ${most}`);
}

/** QEMU starts a type by its name only; a raw signature can be measured but not started. */
function readCpu(input: CliInput): string {
  const { name, signature } = parseCpuType(optionValue(input, 'cpu') ?? DEFAULT_CPU);
  if (!name.startsWith('0x')) return name;
  throw new ConfigurationError(
    'ERR_CONFIGURATION_USAGE',
    `--cpu ${name}: write the name that QEMU has for 0x${signature.toString(16)}`,
  );
}

async function readMachine(input: CliInput, io: CliIo): Promise<GuestMachine> {
  const config = optionValue(input, 'config');
  if (config === null)
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      '--config is missing: `anchorhold image config` writes such a file',
    );
  const shape = {
    vcpus: readNumber(input, 'vcpus', 1, [1, LIMITS.vcpus]),
    memoryMb: readNumber(input, 'memory', DEFAULT_MEMORY_MB, [LEAST_MEMORY_MB, MOST_MEMORY_MB]),
    port: readNumber(input, 'port', 8443, [1, 65_535]),
    cpu: readCpu(input),
  };
  const path = resolve(io.cwd, config);
  const digest = nativeSha256(await readConfigDisk(path));
  const files = await readBootFolder(resolve(io.cwd, optionValue(input, 'image') ?? DEFAULT_FOLDER));
  const demand = parseConfigDemand(files.commandLine);
  if (demand !== 'host-data' && !equalBytes(demand.digest, digest)) {
    const message = `the machine would power off: it was measured with the configuration ${formatDigest(demand.digest)}, and this is ${formatDigest(digest)}`;
    throw new ConfigurationError('ERR_CONFIGURATION_MACHINE', message);
  }
  return { files, ...shape, config: { path, digest } };
}

/** What is said of a machine before it starts. */
interface Announcement {
  readonly url: string;
  readonly simulated: boolean;
  /** In hex; of an emulated machine it is what a real one of this shape would have. */
  readonly launchDigest: string;
  readonly hostData: string;
  readonly command: string;
}

async function announce(machine: GuestMachine, carrier: Carrier, options: readonly string[]): Promise<Announcement> {
  return {
    url: `https://127.0.0.1:${machine.port}`,
    simulated: carrier === 'emulated',
    launchDigest: encodeHex(await launchDigest(machine.files, machine.vcpus, machine.cpu)),
    hostData: encodeHex(machine.config.digest),
    command: shellLine([QEMU, ...options]),
  };
}

/** Runs the machine until the process is asked to stop. @throws ConfigurationError ERR_CONFIGURATION_MACHINE when it ends before */
async function runMachine(options: readonly string[], io: CliIo): Promise<void> {
  let last = '';
  await using qemu = await startQemu(options, (line) => {
    last = line;
    io.stderr.write(`machine: ${printable(line)}\n`);
  });
  const ended = await Promise.race([qemu.ended, io.untilStopped().then(() => null)]);
  if (ended === null) return;
  const why =
    ended.code === 0
      ? last || 'it said nothing'
      : ended.complaint.split('\n').at(-1) || `QEMU ended with ${ended.code}`;
  throw new ConfigurationError('ERR_CONFIGURATION_MACHINE', `the machine ended: ${why}`);
}

export const imageBoot: CliCommand = {
  summary:
    'start a machine with an image under QEMU: as a SEV-SNP guest where this host can, else emulated and SIMULATED',
  example: 'anchorhold image boot --config machine.config --dry-run',
  arguments: [],
  options: [
    {
      name: 'image',
      value: 'DIR',
      summary: `what \`image build\` wrote (default: ${DEFAULT_FOLDER})`,
      repeatable: false,
    },
    { name: 'config', value: 'FILE', summary: 'what `image config` wrote (required)', repeatable: false },
    { name: 'port', value: 'PORT', summary: "port on this host's loopback (default: 8443)", repeatable: false },
    { name: 'memory', value: 'MB', summary: `memory in MB (default: ${DEFAULT_MEMORY_MB})`, repeatable: false },
    { name: 'vcpus', value: 'COUNT', summary: 'vCPUs; they are measured (default: 1)', repeatable: false },
    {
      name: 'cpu',
      value: 'TYPE',
      summary: `CPU type of QEMU's; it is measured (default: ${DEFAULT_CPU})`,
      repeatable: false,
    },
    { name: 'dry-run', value: null, summary: 'print the command and start nothing', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const machine = await readMachine(input, io);
    const carrier = await findCarrier();
    const options = qemuOptions(machine, carrier);
    const announcement = await announce(machine, carrier, options);
    if (announcement.simulated) io.stderr.write(SIMULATED);
    if (input.switches.has('json')) writeJson(io, announcement);
    else if (input.switches.has('dry-run')) writeLine(io, announcement.command);
    else {
      const note = announcement.simulated ? ' (SIMULATED: a real one would have it)' : '';
      writeLine(io, `launch digest ${announcement.launchDigest}${note}`);
      writeLine(io, `the worker will listen on ${announcement.url}`);
    }
    if (!input.switches.has('dry-run')) await runMachine(options, io);
    return 0;
  },
};
