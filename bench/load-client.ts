/**
 * A keep-alive load client, run as a process of its own so that its CPU is not the server's. One JSON job in argv, one JSON result on
 * stdout. It does not attest: it measures the server's path of a request, and the same client asks the server it is compared with.
 */
import { Agent, request } from 'node:https';

export interface LoadJob {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
  /** Client certificate, PEM; null for none. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string } | null;
}

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  /** Status of the first failed request; 0 when its connection failed, null when none did. */
  readonly firstFailure: number | null;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Sends one request and gives its status; 0 when the connection failed. */
function askOnce(job: LoadJob, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(job.url, { agent, method: job.method }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.once('error', () => resolve(0));
    outgoing.end(job.method === 'POST' ? job.body : undefined);
  });
}

async function run(job: LoadJob): Promise<LoadResult> {
  const { certificate, connections } = job;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: connections,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    ...(certificate === null ? {} : { cert: certificate.certPem, key: certificate.keyPem }),
  });
  const latenciesUs: number[] = [];
  let failures = 0;
  let firstFailure: number | null = null;
  const ask = async (until: number): Promise<void> => {
    while (performance.now() < until) {
      const start = performance.now();
      const status = await askOnce(job, agent);
      if (status === 200) latenciesUs.push((performance.now() - start) * 1000);
      else {
        failures += 1;
        firstFailure ??= status;
      }
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: connections }, () => ask(start + job.seconds * 1000)));
  const seconds = (performance.now() - start) / 1000;
  agent.destroy();
  latenciesUs.sort((a, b) => a - b);
  const quantile = (q: number): number => latenciesUs[Math.floor(latenciesUs.length * q)] ?? Number.NaN;
  return { requests: latenciesUs.length, failures, firstFailure, seconds, p50Us: quantile(0.5), p99Us: quantile(0.99) };
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as LoadJob)));
}
