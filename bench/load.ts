/** Loads a server from a second process and gives what it cost: CPU per request over the server's process tree, and requests per second. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadJob, LoadResult } from './load-client.ts';
import { treeCpuUs } from './process-tree.ts';

export interface LoadCost extends LoadResult {
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
}

const run = promisify(execFile);

/** Runs one job against the server whose process is `pid`; throws when any request failed, since a refusal is cheaper than an answer. */
export async function measureLoad(pid: number, job: LoadJob): Promise<LoadCost> {
  const before = treeCpuUs(pid);
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'load-client.ts'), JSON.stringify(job)]);
  const cpuUs = treeCpuUs(pid) - before;
  const result = JSON.parse(stdout) as LoadResult;
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
