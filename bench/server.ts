/** Starts servers as processes of their own: each prints one line when it listens, and is ended by a signal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { PemPair } from '../examples/hospital/credentials.ts';

const ROOT = resolve(import.meta.dirname, '..');

export interface Server {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

const START_MS = 30_000;

/** Starts a server and waits for the first line, of either output, from which `urlOf` reads where it listens; at most 30 s. */
export async function startServer(
  command: string,
  args: readonly string[],
  urlOf: (line: string) => string | null,
): Promise<Server> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    // A process that it left behind would hold them, and this one with them.
    for (const output of [child.stdout, child.stderr]) output.destroy();
  };
  const { promise, resolve: listens, reject } = Promise.withResolvers<string>();
  const said: string[] = [];
  const fail = (why: string): void => reject(new Error(`${command} ${why}: ${said.join('\n')}`));
  for (const input of [child.stdout, child.stderr]) {
    // Read on for ever, so that the server never waits for a reader.
    createInterface({ input }).on('line', (line) => {
      if (said.length < 10) said.push(line);
      const url = urlOf(line);
      if (url !== null) listens(url);
    });
  }
  child.once('error', (error) => fail(error.message));
  child.once('exit', () => fail('ended'));
  const timer = setTimeout(() => fail('did not listen in time'), START_MS);
  try {
    const url = await promise;
    return { pid: child.pid ?? 0, url, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a member of a line of JSON; null when the line is something else. */
function readMember(line: string, name: string): unknown {
  try {
    return (JSON.parse(line) as Readonly<Record<string, unknown>>)[name] ?? null;
  } catch {
    return null;
  }
}

/** Reads where a server listens from a line of JSON with `port`, or null. */
export function urlOfPort(line: string): string | null {
  const port = readMember(line, 'port');
  return typeof port === 'number' ? `https://127.0.0.1:${port}` : null;
}

/** Starts a server of this folder that prints its port as JSON: a plain one, or one with a hop to a child in between. */
export async function startPlain(
  pair: PemPair,
  script: 'plain-server' | 'hop-server' = 'plain-server',
): Promise<Server> {
  const args = [join(import.meta.dirname, `${script}.ts`), JSON.stringify(pair)];
  return await startServer(process.execPath, args, urlOfPort);
}

/** What a worker is started with. */
export interface WorkerSetting {
  /** A folder of its own. */
  readonly home: string;
  readonly name: string;
  /** The function's file, and its digest as policies write it. */
  readonly file: string;
  readonly digest: string;
  readonly instances: 'fresh' | 'pooled';
  readonly method: 'GET' | 'POST';
  /** Largest answer as policies write it. */
  readonly maxResult: string;
  /** Authority of the callers' certificates, PEM. */
  readonly callersCa: string;
}

function writePolicy({ name, digest, instances, method, maxResult }: WorkerSetting): string {
  return [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2026-01-01, until: 2036-01-01 }',
    `functions: { ${name}: { digest: "${digest}", instances: ${instances} } }`,
    'callers: { analysts: { certificate: { ca: ./research-ca.pem, organization: Research } } }',
    `queries: [{ allow: analysts, to: ${method} /${name} }]`,
    `results: { max: ${maxResult}, types: [application/json, application/octet-stream, text/plain] }`,
    '',
  ].join('\n');
}

/** Starts a worker on a simulated device with one owner, whose policy allows the callers one function. */
export async function startWorker(setting: WorkerSetting): Promise<Server> {
  const { home, name, file } = setting;
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'research-ca.pem'), setting.callersCa);
  await writeFile(join(home, 'policy.yaml'), writePolicy(setting));
  const files = ['--policy', join(home, 'policy.yaml'), '--function', `${name}=${file}`];
  const state = ['--state', join(home, 'amd'), '--trust', join(home, 'trust.json')];
  const args = ['dev', '--json', '--port', '0', ...files, ...state];
  return await startServer(join(ROOT, 'bin/anchorhold'), args, (line) => {
    const url = readMember(line, 'url');
    return typeof url === 'string' ? url : null;
  });
}
