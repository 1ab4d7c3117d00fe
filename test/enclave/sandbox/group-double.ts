/**
 * A directory that behaves like a cgroup file system of version 2: a new group has the files of the controllers that its parent gives, a process is
 * in one group, a group with processes gives no controllers and takes none away, and a group that is in use is not removed. Files are real ones.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { GroupFiles, GroupPlace } from '../../../src/enclave/sandbox/resource-groups.ts';
import { kernelError } from '../device/kernel-double.ts';

export interface GroupBehaviour {
  readonly controllers?: readonly string[];
  /** Processes in the group of the worker, with its own. */
  readonly processes?: readonly number[];
  readonly countsSwap?: boolean;
  /** Is told each operation first, as `write cgroup.procs`; throws an error of the kernel. */
  readonly before?: (operation: string) => void;
}

export interface GroupDouble {
  readonly place: GroupPlace;
  /** The group of the worker. */
  readonly base: string;
  readonly read: (path: string) => string;
  readonly groups: () => readonly string[];
  readonly remove: () => void;
}

const PID = 4242;
const FILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  memory: {
    'memory.max': 'max\n',
    'memory.swap.max': 'max\n',
    'memory.events': 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n',
  },
  cpu: { 'cpu.max': 'max 100000\n', 'cpu.weight': '100\n' },
  pids: { 'pids.max': 'max\n' },
};

export function groupDouble(behaviour: GroupBehaviour = {}): GroupDouble {
  const { controllers = ['cpuset', 'cpu', 'io', 'memory', 'pids'], processes = [PID], countsSwap = true } = behaviour;
  const root = mkdtempSync(join(tmpdir(), 'anchorhold-groups-'));
  const base = join(root, 'system.slice', 'anchorhold.service');
  const text = (path: string): string => readFileSync(path, 'utf8');
  const words = (path: string): string[] =>
    text(path)
      .split(/\s+/)
      .filter((word) => word !== '');
  const groupsBelow = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

  function fill(path: string, given: readonly string[]): void {
    const own = { 'cgroup.procs': '', 'cgroup.controllers': `${given.join(' ')}\n`, 'cgroup.subtree_control': '' };
    for (const [name, content] of Object.entries(own)) writeFileSync(join(path, name), content);
    for (const [name, content] of given.flatMap((controller) => Object.entries(FILES[controller] ?? {})))
      if (countsSwap || name !== 'memory.swap.max') writeFileSync(join(path, name), content);
  }

  function move(pid: string, group: string): void {
    if (words(join(group, 'cgroup.subtree_control')).length > 0) throw kernelError('EBUSY');
    for (const each of [base, ...groupsBelow(base).map((name) => join(base, name))]) {
      const others = words(join(each, 'cgroup.procs')).filter((other) => other !== pid);
      writeFileSync(
        join(each, 'cgroup.procs'),
        (each === group ? [...others, pid] : others).map((p) => `${p}\n`).join(''),
      );
    }
  }

  function giveControllers(names: readonly string[], group: string): void {
    if (words(join(group, 'cgroup.procs')).length > 0) throw kernelError('EBUSY');
    const offered = words(join(group, 'cgroup.controllers'));
    if (names.some((name) => !name.startsWith('+'))) throw kernelError('EINVAL');
    if (names.some((name) => !offered.includes(name.slice(1)))) throw kernelError('ENOENT');
    writeFileSync(join(group, 'cgroup.subtree_control'), `${names.map((name) => name.slice(1)).join(' ')}\n`);
  }

  const SYNTAX: Readonly<Record<string, RegExp>> = {
    'memory.max': /^(?:\d+|max)$/,
    'memory.swap.max': /^(?:\d+|max)$/,
    'cpu.max': /^(?:\d+|max)(?: \d+)?$/,
    'cpu.weight': /^(?:[1-9]\d{0,3}|10000)$/,
    'pids.max': /^(?:\d+|max)$/,
  };

  const files: GroupFiles = {
    makeDirectory(path) {
      behaviour.before?.(`mkdir ${basename(path)}`);
      if (existsSync(path)) throw kernelError('EEXIST');
      mkdirSync(path);
      fill(path, words(join(dirname(path), 'cgroup.subtree_control')));
    },
    removeDirectory(path) {
      behaviour.before?.(`rmdir ${basename(path)}`);
      if (!existsSync(path)) throw kernelError('ENOENT');
      if (words(join(path, 'cgroup.procs')).length > 0 || groupsBelow(path).length > 0) throw kernelError('EBUSY');
      rmSync(path, { recursive: true });
    },
    read(path) {
      behaviour.before?.(`read ${basename(path)}`);
      if (!existsSync(path)) throw kernelError('ENOENT');
      return text(path);
    },
    write(path, content) {
      const name = basename(path);
      behaviour.before?.(`write ${name}`);
      if (!existsSync(path)) throw kernelError('ENOENT');
      if (name === 'cgroup.procs') return move(content, dirname(path));
      if (name === 'cgroup.subtree_control') return giveControllers(content.split(' '), dirname(path));
      const syntax = SYNTAX[name];
      if (syntax === undefined) throw kernelError('EACCES');
      if (!syntax.test(content)) throw kernelError('EINVAL');
      writeFileSync(path, `${content}\n`);
    },
  };

  mkdirSync(base, { recursive: true });
  fill(base, controllers);
  writeFileSync(join(base, 'cgroup.procs'), processes.map((pid) => `${pid}\n`).join(''));
  return {
    place: { root, files, own: '0::/system.slice/anchorhold.service\n', pid: PID },
    base,
    read: (path) => text(join(base, path)).trim(),
    groups: () => groupsBelow(base),
    remove: () => rmSync(root, { recursive: true }),
  };
}
