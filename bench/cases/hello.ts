/**
 * A function's answer over the whole path (TLS, caller, policy, function process, audit log) against a plain node:https answer: CPU per request over
 * the process tree, and requests per second, with the same client and the same number of connections.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { makeCredentials, type PemPair } from '../../examples/hospital/credentials.ts';
import { buildFunctions } from '../../tools/build-functions.ts';
import { type BenchCase, compared, type Figure } from '../case.ts';
import { type LoadCost, measureLoad } from '../load.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FUNCTION = 'risk-score';
const BODY = JSON.stringify({ age: 61, systolic: 150, cigarettes: 10 });
const CONNECTIONS = 8;
const WARM_SECONDS = 2;
const SECONDS = 5;
const TURNS = 3;

interface Server {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

function policyFor(digest: string): string {
  return [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2026-01-01, until: 2036-01-01 }',
    `functions: { ${FUNCTION}: "${digest}" }`,
    'callers: { analysts: { certificate: { ca: ./research-ca.pem, organization: Research } } }',
    `queries: [{ allow: analysts, to: POST /${FUNCTION} }]`,
    'results: { max: 64 KiB, types: [application/json, text/plain] }',
    '',
  ].join('\n');
}

/** Starts a server and waits for the one line of JSON that says where it listens. */
async function start(command: string, args: readonly string[], urlOf: (line: string) => string): Promise<Server> {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw new Error(`${command} did not start`);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  for await (const line of createInterface({ input: stdout })) return { pid, url: urlOf(line), stop };
  throw new Error(`${command} ended before it listened`);
}

async function startWorker(home: string, file: string, digest: string, ca: string): Promise<Server> {
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'research-ca.pem'), ca);
  await writeFile(join(home, 'policy.yaml'), policyFor(digest));
  const files = ['--policy', join(home, 'policy.yaml'), '--function', `${FUNCTION}=${file}`];
  const state = ['--state', join(home, 'amd'), '--trust', join(home, 'trust.json')];
  const args = ['dev', '--json', '--port', '0', ...files, ...state];
  return await start(join(ROOT, 'bin/anchorhold'), args, (line) => (JSON.parse(line) as { url: string }).url);
}

async function startPlain(pair: PemPair): Promise<Server> {
  const args = [join(ROOT, 'bench/plain-server.ts'), JSON.stringify(pair)];
  return await start(
    process.execPath,
    args,
    (line) => `https://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Loads both in turns, so that a noisy neighbour meets both. */
async function loadBoth(worker: Server, plain: Server, certificate: PemPair): Promise<readonly Figure[]> {
  const load = (server: Server, seconds: number): Promise<LoadCost> =>
    measureLoad(server.pid, {
      url: `${server.url}/${FUNCTION}`,
      method: 'POST',
      body: BODY,
      connections: CONNECTIONS,
      seconds,
      certificate,
    });
  await load(plain, WARM_SECONDS);
  await load(worker, WARM_SECONDS);
  const costs: { readonly plain: LoadCost; readonly worker: LoadCost }[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    costs.push({ plain: await load(plain, SECONDS), worker: await load(worker, SECONDS) });
  }
  const rows = [
    ['CPU', 'us CPU/request', (cost: LoadCost) => cost.cpuUsPerRequest],
    ['throughput', 'requests/s', (cost: LoadCost) => cost.requestsPerSecond],
    ['p50', 'us', (cost: LoadCost) => cost.p50Us],
    ['p99', 'us', (cost: LoadCost) => cost.p99Us],
  ] as const;
  return rows.flatMap(([name, unit, of]) => {
    const base: Figure = {
      name: `plain node:https, ${name}`,
      unit,
      value: median(costs.map((c) => of(c.plain))),
      ratio: null,
    };
    return [base, compared(`worker, ${name}`, median(costs.map((c) => of(c.worker))), base)];
  });
}

export const hello: BenchCase = {
  name: 'hello',
  about: `a function's answer over the whole path against node:https, ${CONNECTIONS} keep-alive connections`,
  async run() {
    const built = (await buildFunctions()).find(({ name }) => name === FUNCTION);
    if (built === undefined) return `there is no example function ${FUNCTION}`;
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    const servers: Server[] = [];
    try {
      const file = join(home, `${FUNCTION}.wasm`);
      await writeFile(file, built.bytes);
      const credentials = await makeCredentials('lookup.hospital-a.example', new Date());
      servers.push(await startWorker(home, file, built.digest, credentials.researchCaPem));
      servers.push(await startPlain(credentials.lookup));
      const [worker, plain] = servers;
      return worker === undefined || plain === undefined ? [] : await loadBoth(worker, plain, credentials.analyst);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(home, { recursive: true });
    }
  },
};
