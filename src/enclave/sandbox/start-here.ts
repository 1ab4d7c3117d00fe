/**
 * Starts a confined process as a child of the gate, of the same user: through the image's small program where there is no shell (containers), else
 * through the system's shell. Either one limits itself first, so that a step that fails leaves no process. [setrlimit(2)]
 */
import { type SpawnOptions, spawn } from 'node:child_process';
import { sep } from 'node:path';
import { asConfined, type StartConfined } from './confined-process.ts';

/** The program: `confine DATA_KIB GROUP PROGRAM [ARGUMENT...]`; it also gives up capabilities and most system calls. */
export const CONFINE_PROGRAM = '/bin/confine';

/**
 * Limits itself and becomes the child: the shell joins the group before it runs anything, so that the group counts all of the child. No core file
 * is written, which would hold what the child was asked. Shells make variables of their own, so the environment is emptied again.
 */
const LIMIT_AND_RUN =
  '{ [ -z "$2" ] || echo $$ > "$2/cgroup.procs"; } && ulimit -c 0 && ulimit -d "$1" && shift 2 && exec /usr/bin/env -i "$@"';

/** The child inherits nothing but the pipe. */
const OPTIONS = { cwd: sep, env: {}, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] } satisfies SpawnOptions;

const kibibytes = (mebibytes: number): string => String(mebibytes * 1024);

/** Starts it through the program. */
export function startThrough(program: string): StartConfined {
  return (args, { dataMiB, group }) =>
    asConfined(spawn(program, [kibibytes(dataMiB), group ?? '', process.execPath, ...args], OPTIONS));
}

/** Starts it through the shell. */
export const startInShell: StartConfined = (args, { dataMiB, group }) => {
  const limits = [kibibytes(dataMiB), group ?? ''];
  return asConfined(spawn('/bin/sh', ['-c', LIMIT_AND_RUN, 'sh', ...limits, process.execPath, ...args], OPTIONS));
};

/** Starts it without limits of the kernel, where that is not Linux. */
export const startBare: StartConfined = (args) => asConfined(spawn(process.execPath, args, OPTIONS));
