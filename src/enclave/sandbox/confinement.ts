/**
 * How a child process is confined, as arguments for Node and limits of the kernel. The permission model denies network, files, child processes,
 * workers and addons; the environment is empty and only the pipe at fd 3 is inherited. How this machine starts such a process is decided once.
 * [Node 26 Permissions, setrlimit(2)]
 */
import { existsSync } from 'node:fs';
import { sep } from 'node:path';
import type { ConfinedProcess, StartConfined } from './confined-process.ts';
import { FROZEN_FLAGS } from './lockdown.ts';
import { CHILD_SCRIPT, CODE_FOLDERS } from './own-code.ts';
import { CONFINE_PROGRAM, startBare, startInShell, startThrough } from './start-here.ts';
import { LAUNCH_SOCKET, startLaunched } from './start-launched.ts';

/** What stands behind the lockdown claim of a function process. */
export type SandboxState = 'node-permission';

/** What Node's own WASM may need: it reads TypeScript by it. A function's smaller cap is written into its modules. */
const NODE_PAGES = 4096;

/** Caps on one child process. */
export interface ProcessLimits {
  /** V8 heap outside WASM memories, in MiB. */
  readonly heapMiB: number;
  /** Largest WASM memory, in pages of 64 KiB. */
  readonly memoryPages: number;
  /** What the process may write to in memory beyond what the runtime itself takes, heap and WASM memories together, in MiB. */
  readonly processMiB: number;
}

/** Caps on the process of a function, and whether it must be deterministic. */
export interface FunctionProcessLimits extends ProcessLimits {
  readonly deterministic: 'required' | 'any';
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
    `--wasm-max-mem-pages=${Math.max(limits.memoryPages, NODE_PAGES)}`,
    // Its garbage is its own thread's work: helpers would take other processors from its neighbours, for nothing that it gains.
    '--single-threaded-gc',
    // Every instance counts as memory outside the heap, and by itself the engine would go through all of the heap after a few hundred of them.
    '--heap-growing-percent=100',
    '--no-warnings',
    ...extra,
    script,
  ];
}

/** What V8 and Node reserve as writable before anything is loaded, most of it for code and never touched; 602 MiB with a small function. */
const RUNTIME_DATA_MIB = 640;

/** What a process takes in memory before it is called, 95 MiB with a small function, and between two collections. */
const RUNTIME_RESIDENT_MIB = 144;

/** The kernel counts writable memory against RLIMIT_DATA [setrlimit(2)], and only Linux counts all of it. */
const HAS_DATA_LIMIT = process.platform === 'linux';

/** Says what caps the memory of a child as a whole. */
export type MemoryCap = 'cgroup' | 'rlimit' | 'none';
export const MEMORY_CAP_WITHOUT_GROUPS: MemoryCap = HAS_DATA_LIMIT ? 'rlimit' : 'none';

/** Tells how a machine starts confined processes, by what is there: the image's init, its small program, or a shell. */
export function chooseStart(isThere: (path: string) => boolean): StartConfined {
  if (!HAS_DATA_LIMIT) return startBare;
  if (isThere(LAUNCH_SOCKET)) return startLaunched(LAUNCH_SOCKET);
  return isThere(CONFINE_PROGRAM) ? startThrough(CONFINE_PROGRAM) : startInShell;
}

/** Starts a process that inherits nothing but the pipe; its output is for the caller to read or drain. */
export const spawnConfined: StartConfined = chooseStart(existsSync);

/** Starts the process that runs a function; `group` is the directory of its control group, or null. */
export function spawnFunctionChild(limits: FunctionProcessLimits, group: string | null): ConfinedProcess {
  const flags = limits.deterministic === 'required' ? DETERMINISTIC_FLAGS : [];
  const args = writeConfinedArguments(CHILD_SCRIPT, CODE_FOLDERS, limits, flags);
  return spawnConfined(args, { dataMiB: RUNTIME_DATA_MIB + limits.processMiB, group });
}

/** What all processes of a function may take together where the kernel counts it: what one may, and two runtimes as they lie in memory. */
export function groupMemoryMiB({ processMiB }: ProcessLimits): number {
  return processMiB + 2 * RUNTIME_RESIDENT_MIB;
}
