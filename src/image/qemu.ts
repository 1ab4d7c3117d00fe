/**
 * Starts and ends QEMU, and hands on what the machine writes to its first serial port, line by line. What it is started with stands in qemu-options.ts;
 * nothing that a machine says is believed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import type { Carrier } from './qemu-options.ts';

export const QEMU = 'qemu-system-x86_64';

/** How much of what QEMU itself complains about is kept: the end of it. */
const MAX_COMPLAINT = 4096;

export interface RunningQemu extends AsyncDisposable {
  /** Resolves when QEMU is gone: its exit code (null when a signal ended it), and what it complained about. */
  readonly ended: Promise<{ readonly code: number | null; readonly complaint: string }>;
}

function machineError(message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_MACHINE', message, { cause });
}

/** Tells what can carry a machine here: SEV-SNP when this user may use its devices. */
export async function findCarrier(): Promise<Carrier> {
  try {
    for (const device of ['/dev/kvm', '/dev/sev']) await access(device, constants.R_OK | constants.W_OK);
    return 'sev-snp';
  } catch {
    return 'emulated';
  }
}

/** Splits what a machine writes into lines; one that does not end is cut, so that a machine cannot fill this host's memory. */
export function lineReader(onLine: (line: string) => void): (text: string) => void {
  let held = '';
  return (text) => {
    const lines = `${held}${text}`.split(/\r*\n/);
    held = lines.pop() ?? '';
    for (; held.length > LIMITS.consoleLineCharacters; held = held.slice(LIMITS.consoleLineCharacters))
      lines.push(held.slice(0, LIMITS.consoleLineCharacters));
    for (const line of lines) onLine(line.slice(0, LIMITS.consoleLineCharacters));
  };
}

async function hasStarted(child: ChildProcess, program: string): Promise<void> {
  const started = Promise.withResolvers<void>();
  child.once('spawn', started.resolve);
  child.once('error', started.reject);
  try {
    await started.promise;
  } catch (cause) {
    throw machineError(`${program} cannot be started`, cause);
  }
}

/**
 * Starts QEMU; disposing ends it and waits until it is gone.
 * @throws ConfigurationError ERR_CONFIGURATION_MACHINE when it cannot be started
 */
export async function startQemu(
  options: readonly string[],
  onLine: (line: string) => void,
  program: string = QEMU,
): Promise<RunningQemu> {
  const child = spawn(program, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-MAX_COMPLAINT);
  });
  child.stdout.setEncoding('utf8').on('data', lineReader(onLine));
  const closed = Promise.withResolvers<{ code: number | null; complaint: string }>();
  child.once('close', (code) => closed.resolve({ code, complaint: complaint.trim() }));
  await hasStarted(child, program);
  return {
    ended: closed.promise,
    async [Symbol.asyncDispose]() {
      // A machine keeps nothing that outlives it: there is no state to save.
      child.kill('SIGKILL');
      await closed.promise;
    },
  };
}
