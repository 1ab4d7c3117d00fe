/** What a run was made on: machine, versions, and how much of the processors others had meanwhile. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { treeCpuUs } from './process-tree.ts';

const ROOT = join(import.meta.dirname, '..');

export type Machine = Readonly<Record<string, string | number>>;

/** Gives the versions of the peers that the benchmarks are run against, as their lock file names them. */
function peerVersions(): Machine {
  const lock = JSON.parse(readFileSync(join(ROOT, 'bench/peers/package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string }>>;
  };
  const of = (name: string): string => lock.packages[`node_modules/${name}`]?.version ?? 'none';
  return { jco: of('@bytecodealliance/jco'), workerd: of('workerd') };
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    machine: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    openssl: process.versions.openssl,
    ...peerVersions(),
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

/** Gives the commit that is checked out, with a `+` when files differ from it; `unknown` outside of a repository. */
export function describeCommit(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

/** Starts to watch; what it gives tells which share of the processors' time others have used since then, from 0 to 1. */
export function watchOthers(): () => number {
  const start = performance.now();
  const before = busyMs();
  const ownBefore = treeCpuUs(process.pid);
  return () => {
    const own = (treeCpuUs(process.pid) - ownBefore) / 1000;
    const elapsed = (performance.now() - start) * cpus().length;
    return Math.max(0, (busyMs() - before - own) / elapsed);
  };
}
