/**
 * Fresh sessions at scale: a device that needs 100 ms for each report, and 2,000 sessions that each want evidence for their own nonce and
 * connection, all at once. The worker runs in this process, so that its CPU time is its own; the clients run in another one. Beside it, in turns, a bare
 * TLS server with the same options: what a session costs before anything of ours is done.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Attester, openAttester } from '../../src/enclave/attester.ts';
import { openAuditLog } from '../../src/enclave/audit.ts';
import type { ReportDevice } from '../../src/enclave/device/report-device.ts';
import { type Identity, openIdentity } from '../../src/enclave/identity.ts';
import { LISTENER_TIMES, type Listener, openListener } from '../../src/enclave/listener.ts';
import { RUNTIME } from '../../src/enclave/runtime.ts';
import { createSimulatedAmd, type SimulatedDevice, simulatedDevice } from '../../src/testing/index.ts';
import { openBareTlsServer } from '../bare-tls-server.ts';
import { type BenchCase, compared, type Figure, figure, median } from '../case.ts';
import type { SessionJob, SessionResult } from '../session-client.ts';

const SESSIONS = 2000;
const REPORT_MS = 100;
const TURNS = 5;
/** Sessions under way at the same time where the processors have time to spare. */
const FEW = 40;

interface Turn extends SessionResult {
  readonly cpuSeconds: number;
}

/** Opens the sessions from another process, and gives what they cost this one. */
async function openSessions(job: SessionJob): Promise<Turn> {
  const script = resolve(import.meta.dirname, '../session-client.ts');
  const before = process.cpuUsage();
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(job)], { maxBuffer: 1 << 20 });
  const { user, system } = process.cpuUsage(before);
  const result = JSON.parse(stdout) as SessionResult;
  if (result.fresh !== job.sessions)
    throw new Error(`${result.failures} of ${job.sessions} sessions failed, the first with ${result.firstFailure}`);
  return { ...result, cpuSeconds: (user + system) / 1e6 };
}

/** From when to when, in milliseconds. */
interface Span {
  readonly start: number;
  readonly end: number;
}

const lengthOf = ({ start, end }: Span): number => end - start;

/** What the worker sees itself: each report, as its device took for it, and each wait from the nonce read to the evidence handed to the socket. */
interface Observed {
  reports: Span[];
  waits: Span[];
}

interface ObservedWorker {
  readonly listener: Listener;
  readonly device: SimulatedDevice;
  readonly observed: Observed;
}

function observingDevice(device: ReportDevice, observed: Observed): ReportDevice {
  return {
    kind: device.kind,
    async getReport(reportData) {
      const start = performance.now();
      const evidence = await device.getReport(reportData);
      observed.reports.push({ start, end: performance.now() });
      return evidence;
    },
  };
}

function observing(attester: Attester, observed: Observed): Attester {
  return {
    async answer(...question) {
      const start = performance.now();
      const evidence = await attester.answer(...question);
      // Ticks come after all that promises have under way, and with them after the answer's way to its socket.
      process.nextTick(() => observed.waits.push({ start, end: performance.now() }));
      return evidence;
    },
  };
}

/** Puts attester and listener together as `bootWorker` does, with a clock between them. */
async function openWorker(identity: Identity): Promise<ObservedWorker> {
  const observed: Observed = { reports: [], waits: [] };
  const gate = (): Promise<void> => wait(REPORT_MS);
  const device = await simulatedDevice(createSimulatedAmd(), { product: 'Genoa' }, { gate });
  const audit = openAuditLog({ blockHeight: 10, retainedBlocks: 8, sink: 'memory-only' });
  const attester = openAttester({
    device: observingDevice(device, observed),
    standing: () => ({
      instance: identity.instance,
      tls: identity.spkiDigest,
      hpke: identity.sealing.keyConfiguration,
      functions: {},
      policies: {},
      lockdown: {},
      runtime: RUNTIME,
    }),
    checkpoint: () => audit.checkpoint(),
    endorsements: [],
  });
  const listener = await openListener({
    host: '127.0.0.1',
    port: 0,
    identity,
    attester: observing(attester, observed),
    gate: { answer: () => Promise.reject(new Error('no query is asked here')) },
    doors: new Map(),
    epoch: () => 0,
    simulated: true,
    times: LISTENER_TIMES,
  });
  return { listener, device, observed };
}

function waitFigures(name: string, { reports, waits }: Observed, turn: Turn | undefined): readonly Figure[] {
  const longestReport = figure(`${name}: report, longest`, 'ms', Math.max(...reports.map(lengthOf)));
  const endedIn = ({ start, end }: Span): number => reports.filter((r) => r.end > start && r.end <= end).length;
  return [
    longestReport,
    figure(`${name}: reports that a wait saw, most`, 'reports', Math.max(...waits.map(endedIn))),
    figure(`${name}: wait in the worker, p50`, 'ms', median(waits.map(lengthOf))),
    compared(`${name}: wait in the worker, longest`, Math.max(...waits.map(lengthOf)), longestReport),
    figure(`${name}: wait at the client, p50`, 'ms', turn?.p50Ms ?? Number.NaN),
    figure(`${name}: wait at the client, longest`, 'ms', turn?.maxMs ?? Number.NaN),
  ];
}

export const freshness: BenchCase = {
  name: 'freshness',
  about: `${SESSIONS} fresh sessions at once on a device that needs ${REPORT_MS} ms for a report; one report each would give ${1000 / REPORT_MS} a second`,
  async run(): Promise<readonly Figure[]> {
    const identity = await openIdentity(new Date());
    const { listener, device, observed } = await openWorker(identity);
    const bare = await openBareTlsServer(identity);
    const observe = async (handshakes: number): Promise<Turn> => {
      [observed.reports, observed.waits] = [[], []];
      return await openSessions({ port: listener.port, wants: 'evidence', sessions: SESSIONS, handshakes });
    };
    const openBare = async (): Promise<Turn> =>
      await openSessions({ port: bare.port, wants: 'hello', sessions: SESSIONS, handshakes: SESSIONS });
    try {
      // Until the compiler is done with both.
      for (let i = 0; i < 2; i += 1) {
        await openBare();
        await observe(SESSIONS);
      }
      const bareTurns: Turn[] = [];
      const turns: Turn[] = [];
      const reportsBefore = device.calls;
      for (let i = 0; i < TURNS; i += 1) {
        bareTurns.push(await openBare());
        turns.push(await observe(SESSIONS));
      }
      const reports = (device.calls - reportsBefore) / TURNS;
      const atOnce = waitFigures('all at once', observed, turns.at(-1));
      const fewTurn = await observe(FEW);
      const few = waitFigures(`${FEW} at a time`, observed, fewTurn);
      const perSecond = figure('bare TLS', 'sessions/s', SESSIONS / median(bareTurns.map((t) => t.seconds)));
      const perCpu = figure(
        'bare TLS, of its CPU',
        'sessions/CPU s',
        SESSIONS / median(bareTurns.map((t) => t.cpuSeconds)),
      );
      return [
        perSecond,
        compared('fresh sessions', SESSIONS / median(turns.map((t) => t.seconds)), perSecond),
        perCpu,
        compared("fresh sessions, of the worker's CPU", SESSIONS / median(turns.map((t) => t.cpuSeconds)), perCpu),
        figure('reports for all of them', 'reports', reports),
        ...atOnce,
        ...few,
      ];
    } finally {
      bare.close();
      await listener.close();
    }
  },
};
