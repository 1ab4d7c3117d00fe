/**
 * Many requests through one worker, fresh and pooled: does the memory of the gate or of the function's process grow? It is flat when a straight
 * line through the resident memory, without its first tenth, rises over the whole run by no more than two standard errors of the line, or
 * by 5 % of the mean, whichever is more. SOAK=1000000 sets the number of requests.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCredentials, type PemPair } from '../../examples/hospital/credentials.ts';
import { type BenchCase, type Figure, figure } from '../case.ts';
import { type BenchFunction, buildBenchFunction } from '../functions.ts';
import { measureLoad } from '../load.ts';
import { childrenOf } from '../process-tree.ts';
import { residentBytes, type Sample, trendOf } from '../resident.ts';
import { type Server, startWorker } from '../server.ts';

const REQUESTS = Number(process.env['SOAK'] ?? 20_000);
/** Until the audit log holds all the records that it keeps, and the compiler is done. */
const WARM_REQUESTS = 20_000;
const SAMPLES = 20;
const CONNECTIONS = 16;
const NOISE = 0.05;
const MIB = 1024 * 1024;

interface Soaked {
  readonly gate: readonly Sample[];
  readonly child: readonly Sample[];
}

/** Asks in pieces, each over new connections, and takes a sample after each. */
async function soak(worker: Server, certificate: PemPair): Promise<Soaked> {
  const ask = (requests: number): Promise<unknown> =>
    measureLoad(worker.pid, {
      url: `${worker.url}/hello`,
      method: 'GET',
      body: '',
      connections: CONNECTIONS,
      seconds: null,
      requests,
      certificate,
    });
  await ask(WARM_REQUESTS);
  const [gate, child]: [Sample[], Sample[]] = [[], []];
  for (let i = 1; i <= SAMPLES; i += 1) {
    await ask(Math.ceil(REQUESTS / SAMPLES));
    const at = (i * REQUESTS) / SAMPLES;
    gate.push({ at, bytes: residentBytes(worker.pid) });
    // A spare may stand beside the one that works: together they are what the function costs.
    child.push({ at, bytes: childrenOf(worker.pid).reduce((sum, pid) => sum + residentBytes(pid), 0) });
  }
  return { gate: gate.slice(SAMPLES / 10), child: child.slice(SAMPLES / 10) };
}

function figuresOf(name: string, samples: readonly Sample[]): readonly Figure[] {
  const { bytesPerRequest, errorPerRequest, meanBytes } = trendOf(samples);
  const allowed = Math.max(2 * errorPerRequest * REQUESTS, NOISE * meanBytes);
  return [
    figure(`${name}: resident`, 'MiB', meanBytes / MIB),
    figure(`${name}: growth`, 'bytes/request', bytesPerRequest),
    figure(`${name}: growth over the run`, 'MiB', (bytesPerRequest * REQUESTS) / MIB, allowed / MIB),
  ];
}

async function soakWorker(
  home: string,
  instances: 'fresh' | 'pooled',
  built: BenchFunction,
  { researchCaPem, analyst }: { readonly researchCaPem: string; readonly analyst: PemPair },
): Promise<readonly Figure[]> {
  const worker = await startWorker({
    ...built,
    home: join(home, instances),
    name: 'hello',
    instances,
    method: 'GET',
    maxResult: '64 KiB',
    callersCa: researchCaPem,
  });
  try {
    const { gate, child } = await soak(worker, analyst);
    return [...figuresOf(`${instances}, gate`, gate), ...figuresOf(`${instances}, function`, child)];
  } finally {
    await worker.stop();
  }
}

export const soaking: BenchCase = {
  name: 'soak',
  about: `resident memory of gate and function over ${REQUESTS} requests, after ${WARM_REQUESTS} to warm up`,
  async run() {
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    try {
      const built = await buildBenchFunction('hello', home);
      const credentials = await makeCredentials('lookup.hospital-a.example', new Date());
      const figures: Figure[] = [];
      for (const instances of ['fresh', 'pooled'] as const) {
        figures.push(...(await soakWorker(home, instances, built, credentials)));
      }
      return figures;
    } finally {
      await rm(home, { recursive: true });
    }
  },
};
