/** Runs a client of this folder as a process of its own: one JSON job in, one JSON result out. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

const MOST_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 600_000;

/** Runs a job and gives its result; throws with the client's own error and without the job, which holds a key. */
export async function runClient<Result>(script: 'load-client' | 'stream-client', job: unknown): Promise<Result> {
  const args = [join(import.meta.dirname, `${script}.ts`), JSON.stringify(job)];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(process.execPath, args, { maxBuffer: MOST_BYTES, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
    if (error === null) return resolve(stdout);
    const why = /^\w*Error: .*$/m.exec(stderr)?.[0] ?? `it ended with ${error.code ?? error.signal}`;
    reject(new Error(`${script}: ${why}`));
  });
  return JSON.parse(await promise) as Result;
}
