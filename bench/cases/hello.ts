/**
 * A hello over the whole path (TLS, caller's certificate, policy, function process, audit log) against plain node:https and against others who run
 * functions: CPU per request over the process tree, requests per second and latencies, from the same client. A request's CPU is counted
 * at the server, so the client can be ours, which holds a certificate; wrk cannot.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCredentials, type PemPair } from '../../examples/hospital/credentials.ts';
import { type BenchCase, type Figure, type Missing, type Outcome } from '../case.ts';
import { buildBenchFunction } from '../functions.ts';
import { type Loaded, loadInTurns, measureLoad } from '../load.ts';
import { findPeer, NO_PEER, startJco, startWorkerd } from '../peers.ts';
import { type Server, startPlain, startWorker } from '../server.ts';

const FUNCTION = 'hello';
const CONNECTIONS = 16;
const LOAD = { seconds: 3, turns: 3 };
/** What a worker's CPU per request is to be at most, as a ratio to a plain server's. */
const PROMISED = { fresh: 12, pooled: 2 } as const;
/** How many times less a pooled worker is to cost than `jco serve`, and than workerd. */
const LESS_THAN = { 'jco serve': 20, workerd: 1 } as const;

function loaded(name: string, server: Server, certificate: PemPair | null, atMost: number | null): Loaded {
  return {
    name,
    atMost,
    load: (bounds) =>
      measureLoad(server.pid, {
        ...bounds,
        url: `${server.url}/${FUNCTION}`,
        method: 'GET',
        body: '',
        connections: CONNECTIONS,
        certificate,
      }),
  };
}

/** Turns the comparison round: what the pooled worker costs of what a peer costs. */
function againstPeers(outcomes: readonly Outcome[]): readonly Figure[] {
  const cpuOf = (name: string): Figure | undefined =>
    outcomes.find((o): o is Figure => 'unit' in o && o.name === `${name}, CPU`);
  const worker = cpuOf('worker, pooled');
  return Object.entries(LESS_THAN).flatMap(([peer, times]) => {
    const base = cpuOf(peer);
    if (worker === undefined || base === undefined) return [];
    const ratio = { to: base.name, value: worker.value / base.value };
    return [{ ...worker, name: `worker, pooled, CPU against ${peer}`, ratio, atMost: 1 / times }];
  });
}

export const hello: BenchCase = {
  name: 'hello',
  about: `a function's hello over the whole path against node:https (alone, and with a hop to a child that does nothing), jco serve (without TLS) and workerd, ${CONNECTIONS} keep-alive connections`,
  async run() {
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    const servers: Server[] = [];
    const started = async (starting: Promise<Server>): Promise<Server> => {
      const server = await starting;
      servers.push(server);
      return server;
    };
    try {
      const built = await buildBenchFunction(FUNCTION, home);
      const credentials = await makeCredentials('lookup.hospital-a.example', new Date());
      const worker = (instances: 'fresh' | 'pooled'): Promise<Server> =>
        startWorker({
          ...built,
          home: join(home, instances),
          name: FUNCTION,
          instances,
          method: 'GET',
          maxResult: '64 KiB',
          callersCa: credentials.researchCaPem,
        });
      const all = [
        loaded('plain node:https', await started(startPlain(credentials.lookup)), credentials.analyst, null),
        loaded(
          'plain, with a pipe hop',
          await started(startPlain(credentials.lookup, 'hop-server')),
          credentials.analyst,
          null,
        ),
      ];
      for (const instances of ['pooled', 'fresh'] as const) {
        const server = await started(worker(instances));
        all.push(loaded(`worker, ${instances}`, server, credentials.analyst, PROMISED[instances]));
      }
      const missing: Missing[] = [];
      const [workerd, jco] = [findPeer('workerd'), findPeer('jco')];
      if (workerd === null) missing.push({ missing: 'workerd', why: NO_PEER });
      else all.push(loaded('workerd', await started(startWorkerd(workerd, home, credentials.lookup)), null, null));
      if (jco === null) missing.push({ missing: 'jco serve', why: NO_PEER });
      else all.push(loaded('jco serve', await started(startJco(jco, built.file)), null, null));
      const outcomes = await loadInTurns(all, LOAD);
      return [...outcomes, ...againstPeers(outcomes), ...missing];
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(home, { recursive: true });
    }
  },
};
