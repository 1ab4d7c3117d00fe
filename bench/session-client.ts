/**
 * Opens many sessions at once, as a process of its own so that its CPU is not the worker's: dials, sends a nonce, reads the evidence, and
 * holds it against its own nonce and channel. One JSON job in argv, one JSON result on stdout. It does not appraise reports: that is
 * each client's own machine's work.
 */
import { parseClaims } from '../src/attestation/claims.ts';
import { ATTESTATION_PATH, parseEvidence } from '../src/attestation/evidence.ts';
import { EXPORTER_LABEL, freshnessLeaf, isFresh, NONCE_BYTES } from '../src/attestation/freshness.ts';
import { LIMITS } from '../src/base/limits.ts';
import { postOnSocket } from '../src/io/http-exchange.ts';
import { randomBytes } from '../src/io/random.ts';
import { openTlsConnection } from '../src/io/tls-connection.ts';

export interface SessionJob {
  readonly port: number;
  /** `hello` takes any answer: for the server that a worker is compared with. */
  readonly wants: 'evidence' | 'hello';
  readonly sessions: number;
  /** Handshakes under way at the same time; all sessions are, once their handshake is done. */
  readonly handshakes: number;
}

export interface SessionResult {
  readonly fresh: number;
  readonly failures: number;
  readonly firstFailure: string | null;
  readonly seconds: number;
  /** From the nonce sent to the answer read. */
  readonly p50Ms: number;
  readonly maxMs: number;
}

const TIMEOUT_MS = 60_000;

/** Opens one session and gives how long its answer took, in milliseconds; null when it is not fresh evidence for this session. */
async function openSession({ port, wants }: SessionJob): Promise<number | null> {
  const connection = await openTlsConnection({
    host: '127.0.0.1',
    port,
    timeoutMs: TIMEOUT_MS,
    clientCertificate: null,
  });
  const nonce = randomBytes(NONCE_BYTES);
  const start = performance.now();
  const answer = await postOnSocket(
    connection.socket,
    { authority: 'worker', path: ATTESTATION_PATH, contentType: 'application/octet-stream', body: nonce },
    { maxBodyBytes: LIMITS.evidenceBytes, timeoutMs: TIMEOUT_MS },
  );
  const took = performance.now() - start;
  const channel = connection.exportKey(EXPORTER_LABEL, 'worker');
  connection.socket.destroy();
  if (wants === 'hello') return answer?.status === 200 ? took : null;
  const evidence = answer?.status === 200 ? parseEvidence(answer.body) : { problem: 'none' };
  if ('problem' in evidence) return null;
  const claims = parseClaims(evidence.value.claims);
  if ('problem' in claims) return null;
  return isFresh(freshnessLeaf('worker', nonce, channel), evidence.value, claims.value.freshness) ? took : null;
}

async function run(job: SessionJob): Promise<SessionResult> {
  const tookMs: number[] = [];
  let left = job.sessions;
  let failures = 0;
  let firstFailure: string | null = null;
  const start = performance.now();
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const took = await openSession(job).catch((error: unknown) => String(error));
      if (typeof took === 'number') tookMs.push(took);
      else {
        failures += 1;
        firstFailure ??= took ?? 'an answer that is not fresh evidence';
      }
    }
  };
  await Promise.all(Array.from({ length: job.handshakes }, lane));
  const seconds = (performance.now() - start) / 1000;
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { fresh: sorted.length, failures, firstFailure, seconds, p50Ms: at(0.5), maxMs: at(1) };
}

process.stdout.write(`${JSON.stringify(await run(JSON.parse(process.argv[2] ?? '') as SessionJob))}\n`);
