/** CPU time of a process and all its descendants, from /proc: what a server costs, its function processes included. [proc(5)] */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, with that of children already reaped, in clock ticks. */
  readonly ticks: number;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses and may hold spaces and parentheses itself; the numbers start after the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const at = (field: number): number => Number(fields[field - 3]);
    return { pid, parent: at(4), ticks: at(14) + at(15) + at(16) + at(17) };
  } catch {
    return null;
  }
}

function readAll(): readonly Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== null);
}

/** Gives the children of a process. */
export function childrenOf(parent: number): readonly number[] {
  return readAll()
    .filter((stat) => stat.parent === parent)
    .map(({ pid }) => pid);
}

/** Sums CPU time over the tree under `root`, in microseconds; a tick is 10 ms on most machines, so measure over seconds. */
export function treeCpuUs(root: number): number {
  const all = readAll();
  const tree = new Set([root]);
  for (let size = 0; size !== tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid);
  }
  const ticks = all.filter(({ pid }) => tree.has(pid)).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks * 1_000_000) / TICKS_PER_SECOND;
}
