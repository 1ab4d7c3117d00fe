/**
 * A keep-alive load client, run as a process of its own so that its CPU is not the server's. One JSON job in argv, one JSON result on
 * stdout. It writes the same bytes again and again and reads of an answer no more than it must to find its end: a request costs it less
 * than it costs any server here, and it can hold a client certificate, which wrk cannot. It does not attest.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type LatencyCounts, openLatencyCounts } from './latency.ts';

export interface LoadJob {
  /** http: or https:. */
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body: string;
  readonly connections: number;
  /** The job is over when either is reached; null for no bound. */
  readonly seconds: number | null;
  readonly requests: number | null;
  /** Client certificate, PEM; null for none. */
  readonly certificate: { readonly certPem: string; readonly keyPem: string } | null;
}

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  /** What went wrong first: a status line, or the error of a connection; null when nothing did. */
  readonly firstFailure: string | null;
  readonly seconds: number;
  readonly latencies: LatencyCounts;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/** Finds the end of the first answer in these bytes; null when it is not there yet. */
export function findAnswer(bytes: Buffer): { readonly status: string; readonly end: number } | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = LENGTH.exec(head)?.[1];
  const status = head.slice(0, head.indexOf('\r\n'));
  if (length !== undefined) {
    const end = headEnd + HEAD_END.length + Number(length);
    return end <= bytes.length ? { status, end } : null;
  }
  // Chunked: an empty body begins with the last chunk, so look from the end of the head.
  const last = bytes.indexOf(LAST_CHUNK, headEnd + 2);
  return last < 0 ? null : { status, end: last + LAST_CHUNK.length };
}

function writeRequest({ url, method, body }: LoadJob): Buffer {
  const { host, pathname } = new URL(url);
  const content =
    method === 'POST' ? `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` : '';
  return Buffer.from(
    `${method} ${pathname} HTTP/1.1\r\nhost: ${host}\r\n${content}\r\n${method === 'POST' ? body : ''}`,
  );
}

/** Opens a connection, and gives it when requests may be written. */
function connect({ url, certificate }: LoadJob): { readonly socket: Socket; readonly opened: string } {
  const { protocol, hostname, port } = new URL(url);
  const to = { host: hostname, port: Number(port) };
  if (protocol === 'http:') return { socket: connectTcp(to), opened: 'connect' };
  const identity = certificate === null ? {} : { cert: certificate.certPem, key: certificate.keyPem };
  const tls = { rejectUnauthorized: false, minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] } as const;
  return { socket: connectTls({ ...to, ...tls, ...identity }), opened: 'secureConnect' };
}

async function run(job: LoadJob): Promise<LoadResult> {
  const bytes = writeRequest(job);
  const latencies = openLatencyCounts();
  const start = performance.now();
  const until = start + (job.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  let left = job.requests ?? Number.POSITIVE_INFINITY;
  let requests = 0;
  let failures = 0;
  let firstFailure: string | null = null;

  function fail(why: string): void {
    failures += 1;
    firstFailure ??= why;
  }

  /** Asks on one connection until the job is over or the connection is. */
  const ask = async (): Promise<void> => {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const { socket, opened } = connect(job);
    let asked = 0;
    let waits = false;
    let received: Buffer = Buffer.alloc(0);
    function next(): void {
      waits = false;
      if (left <= 0 || performance.now() >= until) return void socket.destroy();
      left -= 1;
      waits = true;
      asked = performance.now();
      socket.write(bytes);
    }
    socket.setNoDelay(true);
    socket.once(opened, next);
    socket.once('error', (error) => {
      waits = false;
      fail(String(error));
    });
    socket.once('close', () => {
      if (waits) fail('the connection was closed');
      close();
    });
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answer = findAnswer(received);
      if (answer === null) return;
      received = received.subarray(answer.end);
      if (answer.status.startsWith('HTTP/1.1 200')) {
        requests += 1;
        latencies.add((performance.now() - asked) * 1000);
      } else fail(answer.status);
      next();
    });
    await closed;
  };

  await Promise.all(Array.from({ length: job.connections }, ask));
  const seconds = (performance.now() - start) / 1000;
  return { requests, failures, firstFailure, seconds, latencies: latencies.counts };
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as LoadJob)));
}
