/**
 * A large body there and back: through the gate, the pipe and an echo function and out again, against a plain node:https server that pipes the
 * request into its answer. Bytes per second one way, and CPU per MiB over the server's process tree.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCredentials, type PemPair } from '../../examples/hospital/credentials.ts';
import { type BenchCase, compared, figure, median } from '../case.ts';
import { buildBenchFunction } from '../functions.ts';
import { treeCpuUs } from '../process-tree.ts';
import { residentBytes } from '../resident.ts';
import { runClient } from '../run-client.ts';
import { type Server, startPlain, startWorker } from '../server.ts';
import type { StreamJob, StreamResult } from '../stream-client.ts';

const MIB = 1024 * 1024;
/** Many windows of a stream, and far from a query's deadline even on a busy machine. */
const BODY_BYTES = 8 * MIB;
const BODIES = 8;
const TURNS = 3;

interface Streamed {
  readonly mibPerSecond: number;
  readonly cpuUsPerMib: number;
}

async function streamThrough(server: Server, certificate: PemPair): Promise<Streamed> {
  const job: StreamJob = { url: `${server.url}/echo`, bytes: BODY_BYTES, bodies: BODIES, certificate };
  const before = treeCpuUs(server.pid);
  const { seconds, bytes, status } = await runClient<StreamResult>('stream-client', job);
  const cpuUs = treeCpuUs(server.pid) - before;
  if (status !== 200 || bytes !== BODY_BYTES * BODIES)
    throw new Error(`of ${BODY_BYTES * BODIES} bytes ${bytes} came back, with status ${status}`);
  return { mibPerSecond: bytes / MIB / seconds, cpuUsPerMib: cpuUs / (bytes / MIB) };
}

export const streaming: BenchCase = {
  name: 'stream',
  about: `bodies of ${BODY_BYTES / MIB} MiB through an echo function, against a plain node:https echo; one connection`,
  async run() {
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    const servers: Server[] = [];
    try {
      const built = await buildBenchFunction('echo', home);
      const credentials = await makeCredentials('lookup.hospital-a.example', new Date());
      const plain = await startPlain(credentials.lookup);
      servers.push(plain);
      const worker = await startWorker({
        ...built,
        home: join(home, 'worker'),
        name: 'echo',
        instances: 'pooled',
        method: 'POST',
        maxResult: '128 MiB',
        callersCa: credentials.researchCaPem,
      });
      servers.push(worker);
      const turns: { readonly plain: Streamed; readonly worker: Streamed }[] = [];
      for (let i = 0; i <= TURNS; i += 1) {
        turns.push({
          plain: await streamThrough(plain, credentials.analyst),
          worker: await streamThrough(worker, credentials.analyst),
        });
      }
      // The first turn is for the compiler.
      const measured = turns.slice(1);
      const of = (from: 'plain' | 'worker', what: keyof Streamed): number => median(measured.map((t) => t[from][what]));
      const speed = figure('plain node:https echo', 'MiB/s', of('plain', 'mibPerSecond'));
      const cpu = figure('plain node:https echo, CPU', 'us CPU/MiB', of('plain', 'cpuUsPerMib'));
      return [
        speed,
        compared('echo function', of('worker', 'mibPerSecond'), speed),
        cpu,
        compared('echo function, CPU', of('worker', 'cpuUsPerMib'), cpu),
        figure('gate, resident afterwards', 'MiB', residentBytes(worker.pid) / MIB),
      ];
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(home, { recursive: true });
    }
  },
};
