/**
 * Fresh sessions at scale: a device that needs 100 ms for each report, and 2,000 sessions that each want evidence for their own nonce and
 * connection. The worker runs in this process, so that its CPU time is its own; the clients run in another one.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { bootWorker } from '../../src/enclave/boot.ts';
import { SILENT } from '../../src/io/log.ts';
import { createSimulatedAmd, simulatedDevice } from '../../src/testing/index.ts';
import { type BenchCase, type Figure, figure } from '../case.ts';
import type { SessionJob, SessionResult } from '../session-client.ts';

const SESSIONS = 2000;
const REPORT_MS = 100;

async function openSessions(job: SessionJob): Promise<SessionResult> {
  const script = resolve(import.meta.dirname, '../session-client.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(job)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as SessionResult;
}

export const freshness: BenchCase = {
  name: 'freshness',
  about: `${SESSIONS} fresh sessions at once on a device that needs ${REPORT_MS} ms for a report; one report each would give ${1000 / REPORT_MS} a second`,
  async run(): Promise<readonly Figure[]> {
    const device = await simulatedDevice(
      createSimulatedAmd(),
      { product: 'Genoa' },
      { gate: async () => await wait(REPORT_MS) },
    );
    const worker = await bootWorker({
      listen: { host: '127.0.0.1', port: 0 },
      deadlineMs: 10_000,
      policies: [],
      functions: new Map(),
      endorsements: [],
      egress: { names: {}, roots: 'system' },
      device,
      log: SILENT,
      now: () => new Date(),
    });
    try {
      const port = Number(new URL(worker.url).port);
      await openSessions({ port, sessions: 100, handshakes: 100 });
      const reports = device.calls;
      const before = process.cpuUsage();
      const result = await openSessions({ port, sessions: SESSIONS, handshakes: SESSIONS });
      const used = process.cpuUsage(before);
      if (result.fresh !== SESSIONS)
        throw new Error(`${result.failures} of ${SESSIONS} sessions got no fresh evidence`);
      return [
        figure('sessions per second', 'sessions/s', SESSIONS / result.seconds),
        figure(
          "sessions per second of the worker's CPU",
          'sessions/CPU s',
          SESSIONS / ((used.user + used.system) / 1e6),
        ),
        figure('reports for all of them', 'reports', device.calls - reports),
        figure('evidence after the nonce, p50', 'ms', result.p50Ms),
        figure('evidence after the nonce, longest', 'ms', result.maxMs),
      ];
    } finally {
      await worker.close();
    }
  },
};
