/**
 * How a child process is confined, as arguments for Node, and the check that it really is. The permission model denies network,
 * files, child processes, workers and addons; the environment is empty and only the pipe at fd 3 is inherited.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FROZEN_FLAGS } from './lockdown.ts';

/** The child's end of the pipe to its parent. */
export const PIPE_FD = 3;

/** What stands behind the lockdown claim of a function process. */
export type SandboxState = 'node-permission';

/** Caps on one child process. */
export interface ProcessLimits {
  /** V8 heap outside WASM memories, in MiB. */
  readonly heapMiB: number;
  /** Largest WASM memory, in pages of 64 KiB. */
  readonly memoryPages: number;
}

/**
 * Makes what a guest can find out of the engine the same for every call: one compiler, because frames of another have other sizes, and stacks
 * of a size that does not depend on the build, in KiB. [Node 26 Command-line API]
 */
const DETERMINISTIC_FLAGS: readonly string[] = [
  '--liftoff-only',
  '--stack-size=984',
  '--wasm-stack-switching-stack-size=984',
];

const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const HERE = realpathSync(dirname(fileURLToPath(import.meta.url)));
const BASE = realpathSync(join(HERE, '../../base'));

/** The folders that a child's own source is in: this room and the ground floor, of which it needs only what stands on nothing else. */
const SOURCE_FOLDERS: readonly string[] = [HERE, BASE];

/** Gives the command line of a confined child that runs `script` and may read `folders`. */
export function writeConfinedArguments(
  script: string,
  folders: readonly string[],
  limits: ProcessLimits,
  extra: readonly string[],
): readonly string[] {
  return [
    '--permission',
    ...folders.map((folder) => `--allow-fs-read=${folder}${sep}`),
    '--disallow-code-generation-from-strings',
    '--no-experimental-sqlite',
    FROZEN_FLAGS,
    `--max-old-space-size=${limits.heapMiB}`,
    `--wasm-max-mem-pages=${limits.memoryPages}`,
    '--no-warnings',
    ...extra,
    script,
  ];
}

/** Starts a process that inherits nothing but the pipe; output on fd 1 and 2 is for the caller to read or drain. */
export function spawnConfined(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { cwd: sep, env: {}, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
}

/** Starts the process that runs a function. */
export function spawnFunctionChild(
  limits: ProcessLimits & { readonly deterministic: 'required' | 'any' },
): ChildProcess {
  const flags = limits.deterministic === 'required' ? DETERMINISTIC_FLAGS : [];
  return spawnConfined(writeConfinedArguments(join(HERE, `child${EXTENSION}`), SOURCE_FOLDERS, limits, flags));
}
