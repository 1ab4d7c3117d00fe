/**
 * Sends one large body after another and reads what comes back, as a process of its own so that its CPU is not the server's. One JSON job in
 * argv, one JSON result on stdout. It counts bytes and compares none.
 */
import { Agent, request } from 'node:https';

export interface StreamJob {
  readonly url: string;
  /** Of each body. */
  readonly bytes: number;
  readonly bodies: number;
  /** Client certificate, PEM. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
}

export interface StreamResult {
  readonly seconds: number;
  /** What came back, of all bodies. */
  readonly bytes: number;
  /** Of the last answer. */
  readonly status: number;
}

const PIECE = new Uint8Array(64 * 1024).fill(0x61);

/** Sends one body with a length, and gives the status and the number of bytes that came back. */
async function sendOnce(job: StreamJob, agent: Agent): Promise<{ readonly status: number; readonly bytes: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly bytes: number }>();
  const headers = { 'content-type': 'application/octet-stream', 'content-length': job.bytes };
  const outgoing = request(job.url, { agent, method: 'POST', headers }, (response) => {
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    response.once('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
    response.once('error', reject);
  });
  outgoing.once('error', reject);
  let left = job.bytes;
  const write = (): void => {
    while (left > 0) {
      const piece = PIECE.subarray(0, left);
      left -= piece.length;
      if (!outgoing.write(piece)) return void outgoing.once('drain', write);
    }
    outgoing.end();
  };
  write();
  return await promise;
}

if (process.argv[1] === import.meta.filename) {
  const job = JSON.parse(process.argv[2] ?? '') as StreamJob;
  const { certPem, keyPem } = job.certificate;
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, cert: certPem, key: keyPem });
  const start = performance.now();
  let [bytes, status] = [0, 0];
  for (let i = 0; i < job.bodies; i += 1) {
    const answer = await sendOnce(job, agent);
    bytes += answer.bytes;
    status = answer.status;
  }
  const result: StreamResult = { seconds: (performance.now() - start) / 1000, bytes, status };
  agent.destroy();
  console.log(JSON.stringify(result));
}
