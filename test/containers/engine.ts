/**
 * A Docker engine of the test's own, in namespaces of its own: this machine's network, mounts and containers are not touched, and when its first
 * process is killed everything in it is gone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** What `make image` writes for container engines. */
export const IMAGE_FILE: string = resolve(import.meta.dirname, '../../.anchorhold/image/anchorhold.oci.tar');

/** Network, mounts and processes; the last makes killing one process kill all. */
const NAMESPACES = ['--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc'];
const ENVIRONMENT = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { env: ENVIRONMENT }).status === 0;
}

/** Says what this machine lacks, or null. */
export function lackOfEngine(): string | null {
  if (process.getuid?.() !== 0) return 'takes root';
  if (!works('dockerd', '--version')) return 'dockerd is not here: run tools/setup-docker.sh';
  if (!works('iptables', '--version')) return 'iptables is not here: run tools/setup-docker.sh';
  if (!works('unshare', ...NAMESPACES, 'true')) return 'no namespaces can be made here';
  return existsSync(IMAGE_FILE) ? null : 'there is no image: run `make image`';
}

export interface Engine extends AsyncDisposable {
  /** As DOCKER_HOST names it. */
  readonly address: string;
}

/** Starts it; it listens on a socket in a folder of its own. */
export async function startEngine(): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-docker-'));
  const address = `unix://${join(folder, 'docker.sock')}`;
  const places = ['data-root', 'exec-root', 'pidfile'].map((option) => `--${option}=${join(folder, option)}`);
  const engine = spawn('unshare', [...NAMESPACES, '--kill-child=SIGKILL', 'dockerd', `--host=${address}`, ...places], {
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(engine, 'exit');
  async function stop(): Promise<void> {
    engine.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
  const said: string[] = [];
  for await (const line of createInterface({ input: engine.stderr })) {
    said.push(line);
    if (line.includes('API listen on')) {
      engine.stderr.resume();
      return { address, [Symbol.asyncDispose]: stop };
    }
  }
  await stop();
  throw new Error(`dockerd ended:\n${said.slice(-5).join('\n')}`);
}
