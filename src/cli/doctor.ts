/** `anchorhold doctor`: says what a host or a guest lacks for SEV-SNP, each with a sentence and what to do. Proves nothing to anybody: clients appraise. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AMD_KDS_URL } from '../attestation/snp/kds-urls.ts';
import { ConfigurationError } from '../errors.ts';
import { type DoctorLine, type DoctorRole, examine, guessRole } from '../image/doctor/examine.ts';
import type { DoctorState } from '../image/doctor/finding.ts';
import { openMachineView } from '../image/doctor/machine-view.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';

/** Where a firmware lies: beside an image that was built here, or where Debian's package puts it. */
const FIRMWARE = ['.anchorhold/image/OVMF.amdsev.fd', '/usr/share/ovmf/OVMF.amdsev.fd'] as const;

/** Exit code when something is missing. */
const EXIT_MISSING = 1;

const MARKS: Readonly<Record<DoctorState, string>> = { ok: 'ok     ', missing: 'MISSING', unknown: 'unknown' };

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

function readRole(input: CliInput): DoctorRole | null {
  const [role] = input.positionals;
  if (role === undefined || role === 'host' || role === 'guest') return role ?? null;
  throw usage(`${role}: write host or guest, or nothing`);
}

function readKdsUrl(input: CliInput): string | null {
  const url = optionValue(input, 'kds-url');
  if (input.switches.has('kds')) return url ?? AMD_KDS_URL;
  if (url === null) return null;
  throw usage('--kds-url goes with --kds');
}

function firmwarePath(input: CliInput, io: CliIo): string {
  const given = optionValue(input, 'firmware');
  const paths = FIRMWARE.map((path) => resolve(io.cwd, path));
  return given === null ? (paths.find((path) => existsSync(path)) ?? paths[0] ?? '') : resolve(io.cwd, given);
}

function writeReport(io: CliIo, role: DoctorRole, lines: readonly DoctorLine[]): void {
  for (const { state, says, hint } of lines) {
    writeLine(io, printable(`${MARKS[state]} ${says}`));
    if (hint !== null) writeLine(io, printable(`        ${hint}`));
  }
  const count = lines.filter(({ state }) => state === 'missing').length;
  const things = count === 1 ? '1 thing is' : `${count} things are`;
  writeLine(
    io,
    count === 0 ? `this ${role} lacks nothing that can be seen from here` : `${things} missing on this ${role}`,
  );
}

export const doctor: CliCommand = {
  summary: 'say what this machine lacks as a host of confidential VMs, or as one of them',
  example: 'anchorhold doctor',
  arguments: [
    {
      name: 'role',
      summary: 'host or guest (default: what this machine looks like)',
      required: false,
      repeatable: false,
    },
  ],
  options: [
    {
      name: 'firmware',
      value: 'FILE',
      summary: `the firmware that QEMU is given (default: ${FIRMWARE[0]})`,
      repeatable: false,
    },
    { name: 'kds', value: null, summary: "ask AMD's certificate service whether it can be reached", repeatable: false },
    { name: 'kds-url', value: 'URL', summary: 'with --kds: a mirror to ask instead', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const given = readRole(input);
    const view = await openMachineView(firmwarePath(input, io), readKdsUrl(input));
    const role = given ?? guessRole(view);
    const lines = await examine(view, role);
    const lacking = lines.some(({ state }) => state === 'missing');
    if (input.switches.has('json')) writeJson(io, { role, ok: !lacking, lines });
    else writeReport(io, role, lines);
    return lacking ? EXIT_MISSING : 0;
  },
};
