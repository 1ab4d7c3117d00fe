/**
 * What the gate costs of a hello: to know the caller by certificate, decide, count a limit and write the audit log, in process, with a function that
 * answers at once. Compared with the CPU of a whole hello over the pooled path in the same run.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HospitalCredentials, makeCredentials } from '../../examples/hospital/credentials.ts';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { openAuditLog } from '../../src/enclave/audit.ts';
import { MAX_BUDGETS, openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { type GateRequest, openGate } from '../../src/enclave/gate.ts';
import type { WholeResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { parseOwnerPolicy } from '../../src/policy/index.ts';
import { type BenchCase, compared, figure, median } from '../case.ts';
import { buildBenchFunction } from '../functions.ts';
import { measureLoad } from '../load.ts';
import { startWorker } from '../server.ts';

const FUNCTION = 'hello';
const TURNS = 7;
const CALLS = 10_000;
const LOAD = { url: '', method: 'GET', body: '', connections: 16 } as const;
const WARM_REQUESTS = 20_000;
/** What policy, limits and audit may take of a hello. */
const AT_MOST = 0.15;

const DIGEST = formatDigest(sha256(encodeUtf8(FUNCTION)));
const ANSWER: WholeResponse = { status: 200, headers: [['content-type', 'text/plain']], body: encodeUtf8('hello\n') };

function makePolicy(ca: string): ReturnType<typeof parseOwnerPolicy> {
  const lines = [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2026-01-01, until: 2036-01-01 }',
    `functions: { ${FUNCTION}: "${DIGEST}" }`,
    'callers: { analysts: { certificate: { ca: ./research-ca.pem, organization: Research } } }',
    `queries: [{ allow: analysts, to: GET /${FUNCTION}, limit: 100000000/day }]`,
    'results: { max: 64 KiB, types: [text/plain] }',
    '',
  ];
  return parseOwnerPolicy(lines.join('\n'), { file: 'bench.yaml', references: () => encodeUtf8(ca) });
}

/** Prepares queries at a gate of its own; each of them is allowed. */
function openQueries({ researchCaPem, analyst }: HospitalCredentials): () => Promise<void> {
  const refused = (): Promise<never> => Promise.reject(new Error('a hello asks for nothing'));
  const owners = [{ policy: makePolicy(researchCaPem), replay: openReplayCache(REPLAY_CACHE) }];
  const hello = {
    digest: DIGEST,
    loaded: { call: () => Promise.resolve(ANSWER), close: () => Promise.resolve() },
    deadlineMs: 1000,
    egress: refused,
    sockets: NO_SOCKET_EGRESS,
    waitsFor: () => null,
    owners,
  };
  const gate = openGate({
    functions: new Map([[FUNCTION, hello]]),
    audit: openAuditLog({ blockHeight: 10, retainedBlocks: 8, sink: 'memory-only' }),
    budget: openBudget(MAX_BUDGETS),
    keySets: { of: () => ({ current: refused, again: refused }) },
    maxQueries: 256,
    now: () => new Date(),
  });
  const request: GateRequest = {
    method: 'GET',
    target: `/${FUNCTION}`,
    authority: '127.0.0.1',
    headers: [['host', '127.0.0.1']],
    peerCertificates: [new Uint8Array(new X509Certificate(analyst.certPem).raw)],
    channel: new Uint8Array(32),
    readBody: () => Promise.resolve(new Uint8Array(0)),
    openBody: () => Promise.resolve(new Uint8Array(0)),
    whenGone: () => undefined,
    stream: refused,
  };
  return async () => {
    const { status } = await gate.answer(request);
    if (status !== 200) throw new Error(`the gate answered ${status}`);
  };
}

async function cpuUsOf(query: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i += 1) await query();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

export const gateShare: BenchCase = {
  name: 'gate',
  about:
    'the CPU of certificate, policy, limit and audit log for one hello, against the CPU of the whole hello, pooled',
  async run() {
    const home = await mkdtemp(join(tmpdir(), 'anchorhold-bench-'));
    const credentials = await makeCredentials('lookup.hospital-a.example', new Date());
    const built = await buildBenchFunction(FUNCTION, home);
    const server = await startWorker({
      ...built,
      home: join(home, 'worker'),
      name: FUNCTION,
      instances: 'pooled',
      method: 'GET',
      maxResult: '64 KiB',
      callersCa: credentials.researchCaPem,
    });
    try {
      const certificate = credentials.analyst;
      const load = (requests: number): ReturnType<typeof measureLoad> =>
        measureLoad(server.pid, { ...LOAD, url: `${server.url}/${FUNCTION}`, seconds: null, requests, certificate });
      const query = openQueries(credentials);
      await load(WARM_REQUESTS);
      await cpuUsOf(query);
      const [whole, gate]: [number[], number[]] = [[], []];
      for (let turn = 0; turn < TURNS; turn += 1) {
        whole.push((await load(CALLS)).cpuUsPerRequest);
        gate.push(await cpuUsOf(query));
      }
      const base = figure('a hello, pooled', 'us CPU/request', median(whole));
      return [base, compared('certificate, policy, limit and audit', median(gate), base, AT_MOST)];
    } finally {
      await server.stop();
      await rm(home, { recursive: true });
    }
  },
};
