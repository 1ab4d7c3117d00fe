/**
 * Control groups (version 2) over the processes of functions, where the machine offers them: a cap on memory, processor time and threads that the
 * kernel holds. Needs a group of its own that was delegated to this process; what is missing is said, and nothing is half done.
 * [Linux, Documentation/admin-guide/cgroup-v2.rst]
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The operations on a cgroup file system; errors have the `code` of node:fs. */
export interface GroupFiles {
  makeDirectory(path: string): void;
  removeDirectory(path: string): void;
  read(path: string): string;
  write(path: string, text: string): void;
}

/** The kernel's own. */
export const kernelGroupFiles: GroupFiles = {
  makeDirectory: (path) => {
    mkdirSync(path);
  },
  // The files in it are the kernel's and go with it.
  removeDirectory: (path) => rmdirSync(path),
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, text) => writeFileSync(path, text, { flag: 'r+' }),
};

/** Where a machine keeps its groups, and who asks. */
export interface GroupPlace {
  /** Where the file system is mounted. */
  readonly root: string;
  readonly files: GroupFiles;
  /** The text of /proc/self/cgroup. */
  readonly own: string;
  readonly pid: number;
}

/** The group of one function. */
export interface ResourceGroup {
  /** The directory; a process joins by writing itself into `cgroup.procs` there. */
  readonly path: string;
  /** Counts the processes that the kernel ended for the group's memory. */
  memoryKills(): number;
  /** Removes the group; all its processes must be gone. */
  close(): void;
}

/** Groups as the machine offers them, or why it does not. */
export type ResourceGroups =
  | { readonly kind: 'cgroup'; open(name: string, memoryMiB: number): ResourceGroup }
  | { readonly kind: 'none'; readonly why: string };

/** For workers on machines that are not theirs alone. */
export const NO_GROUPS: ResourceGroups = { kind: 'none', why: 'none were asked for' };

const CONTROLLERS = ['memory', 'cpu', 'pids'] as const;
/** One processor's worth, in microseconds of a period: a function that computes leaves the others theirs. */
const CPU_MAX = '100000 100000';
/** Against 100 of the gate: where there are too few processors, the one that serves all comes first. */
const CPU_WEIGHT = '25';
/** Threads: two processes with about a dozen each, and their start. */
const PIDS_MAX = '64';

/** This machine. */
export function systemGroupPlace(): GroupPlace {
  let own = '';
  try {
    own = readFileSync('/proc/self/cgroup', 'utf8');
  } catch {
    // Not Linux: no line, and so no groups.
  }
  return { root: '/sys/fs/cgroup', files: kernelGroupFiles, own, pid: process.pid };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '');

function countOf(events: string, name: string): number {
  const line = events.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Makes the group of one function with its caps. */
function openGroup(files: GroupFiles, path: string, memoryMiB: number): ResourceGroup {
  try {
    files.makeDirectory(path);
  } catch (e) {
    // Left by a worker before this one, with nobody in it: a group that still has processes does not go.
    if (codeOf(e) !== 'EEXIST') throw e;
    files.removeDirectory(path);
    files.makeDirectory(path);
  }
  const write = (name: string, text: string): void => files.write(join(path, name), text);
  write('memory.max', String(memoryMiB * 1024 * 1024));
  try {
    write('memory.swap.max', '0');
  } catch (e) {
    // A kernel that counts no swap has no such file.
    if (codeOf(e) !== 'ENOENT') throw e;
  }
  write('cpu.max', CPU_MAX);
  write('cpu.weight', CPU_WEIGHT);
  write('pids.max', PIDS_MAX);
  return {
    path,
    memoryKills() {
      try {
        return countOf(files.read(join(path, 'memory.events')), 'oom_kill');
      } catch {
        return 0;
      }
    },
    close() {
      try {
        files.removeDirectory(path);
      } catch {
        // An empty group that stays costs nothing, and the next worker takes it.
      }
    },
  };
}

/** Moves this process into a child of its group and has the group give caps to children; undoes the move where the kernel refuses. */
function delegate(files: GroupFiles, base: string, pid: number): void {
  const gate = join(base, 'gate');
  try {
    files.makeDirectory(gate);
  } catch (e) {
    if (codeOf(e) !== 'EEXIST') throw e;
  }
  try {
    files.write(join(gate, 'cgroup.procs'), String(pid));
    files.write(join(base, 'cgroup.subtree_control'), CONTROLLERS.map((name) => `+${name}`).join(' '));
  } catch (e) {
    files.write(join(base, 'cgroup.procs'), String(pid));
    files.removeDirectory(gate);
    throw e;
  }
}

/**
 * Prepares the group of this process for groups of functions: the kernel gives caps only to children of a group that has no process
 * of its own, so this one moves into a child first.
 */
export function openResourceGroups({ root, files, own, pid }: GroupPlace): ResourceGroups {
  const none = (why: string): ResourceGroups => ({ kind: 'none', why });
  const line = own.split('\n').find((each) => each.startsWith('0::/'));
  if (line === undefined) return none('there is no cgroup of version 2');
  const base = join(root, line.slice('0::'.length));
  try {
    const offered = wordsOf(files.read(join(base, 'cgroup.controllers')));
    const missing = CONTROLLERS.find((name) => !offered.includes(name));
    if (missing !== undefined) return none(`the cgroup of this process does not offer ${missing}`);
    // Moving others' processes is not ours to do, and with them in it the group cannot give caps.
    if (wordsOf(files.read(join(base, 'cgroup.procs'))).some((each) => each !== String(pid)))
      return none('the cgroup of this process holds others, too');
    delegate(files, base, pid);
  } catch (e) {
    return none(`the cgroup of this process is not delegated to it (${codeOf(e)})`);
  }
  return {
    kind: 'cgroup',
    open: (name, memoryMiB) => openGroup(files, join(base, `function-${name}`), memoryMiB),
  };
}
