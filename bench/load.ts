/** Loads a server from a second process and gives what it cost: CPU per request over the server's process tree, and requests per second. */
import { type Figure, median, type Picture } from './case.ts';
import { drawHistogram, percentileUs, sumCounts } from './latency.ts';
import type { LoadJob, LoadResult } from './load-client.ts';
import { treeCpuUs } from './process-tree.ts';
import { runClient } from './run-client.ts';

export interface LoadCost extends LoadResult {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
}

/** Runs one job against the server whose process is `pid`; throws when any request failed, since a refusal is cheaper than an answer. */
export async function measureLoad(pid: number, job: LoadJob): Promise<LoadCost> {
  const before = treeCpuUs(pid);
  const result = await runClient<LoadResult>('load-client', job);
  const cpuUs = treeCpuUs(pid) - before;
  if (result.failures > 0 || result.requests === 0) {
    const all = result.failures + result.requests;
    throw new Error(
      `${result.failures} of ${all} requests to ${job.url} failed, the first with ${result.firstFailure}`,
    );
  }
  return {
    ...result,
    cpuUsPerRequest: cpuUs / result.requests,
    requestsPerSecond: result.requests / result.seconds,
  };
}

/** One of several servers that are loaded in turns. */
export interface Loaded {
  readonly name: string;
  /** Runs one turn, as long as its bounds say; throws when a request fails. */
  readonly load: (bounds: Pick<LoadJob, 'seconds' | 'requests'>) => Promise<LoadCost>;
  /** What its CPU per request is to be at most, as a ratio to the first server's; null where nothing is promised. */
  readonly atMost: number | null;
}

/** Until the compiler is done: that takes requests more than time, and those who are slow by nature need fewer. */
const WARM = { seconds: 15, requests: 20_000 } as const;

const PERCENTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const;

/** Loads all in turns, so that a noisy neighbour meets each of them, and compares them with the first. */
export async function loadInTurns(
  servers: readonly Loaded[],
  { seconds, turns }: { readonly seconds: number; readonly turns: number },
): Promise<readonly (Figure | Picture)[]> {
  for (const { load } of servers) await load(WARM);
  const costs = new Map<Loaded, LoadCost[]>(servers.map((server) => [server, []]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [server, all] of costs) all.push(await server.load({ seconds, requests: null }));
  }
  const counts = new Map(
    servers.map((server) => [server, sumCounts((costs.get(server) ?? []).map((c) => c.latencies))]),
  );
  const rows: readonly (readonly [string, Figure['unit'], (server: Loaded) => number])[] = [
    ['CPU', 'us CPU/request', (server) => median((costs.get(server) ?? []).map((c) => c.cpuUsPerRequest))],
    ['throughput', 'requests/s', (server) => median((costs.get(server) ?? []).map((c) => c.requestsPerSecond))],
    ...PERCENTILES.map(
      ([name, share]) => [name, 'us', (server: Loaded) => percentileUs(counts.get(server) ?? [], share)] as const,
    ),
  ];
  const figures = rows.flatMap(([row, unit, valueOf]) => {
    const [base] = servers;
    const baseValue = base === undefined ? Number.NaN : valueOf(base);
    return servers.map((server): Figure => {
      const ratio = server === base ? null : { to: `${base?.name}, ${row}`, value: valueOf(server) / baseValue };
      const atMost = row === 'CPU' ? server.atMost : null;
      return { name: `${server.name}, ${row}`, unit, value: valueOf(server), ratio, atMost };
    });
  });
  return [...figures, ...servers.map((server) => ({ picture: drawHistogram(server.name, counts.get(server) ?? []) }))];
}
