/** The impostors of the demo: servers that are not the worker the client wants, each wrong in one way. */
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { ATTESTATION_PATH } from '../src/attestation/evidence.ts';
import { bootWorker } from '../src/enclave/boot.ts';
import { type Identity, openIdentity } from '../src/enclave/identity.ts';
import { NO_GROUPS } from '../src/enclave/sandbox/resource-groups.ts';
import { loadWorkerParts, type WorkerParts } from '../src/enclave/worker-parts.ts';
import { DISK } from '../src/io/files.ts';
import { SILENT } from '../src/io/log.ts';
import { type MachineOptions, openSimulatedAmd, type SimulatedAmd, simulatedDevice } from '../src/testing/index.ts';

export interface Impostor {
  readonly what: string;
  /** What the client must say about it. */
  readonly must: RegExp;
  readonly url: string;
  readonly trust: string;
  /** Whether anything but the request for evidence reached it. */
  sawQuestion(): boolean;
}

interface Running {
  readonly url: string;
  sawQuestion(): boolean;
  close(): Promise<void> | void;
}

const now = (): Date => new Date();

async function listen(
  server: ReturnType<typeof createHttpsServer> | ReturnType<typeof createTlsServer>,
): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A web server with a certificate and nothing behind it. */
async function plainServer(): Promise<Running> {
  const identity = await openIdentity(now());
  let asked = 0;
  const server = createHttpsServer(
    { key: identity.privateKeyPem, cert: identity.certificatePem },
    (request, response) => {
      if (request.url !== ATTESTATION_PATH) asked += 1;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Trust me</p>');
    },
  );
  return { url: await listen(server), sawQuestion: () => asked > 0, close: () => void server.close() };
}

/** A worker that is whole but for its machine. */
async function workerOn(
  parts: WorkerParts,
  amd: SimulatedAmd,
  machine: MachineOptions,
  identity?: Identity,
): Promise<Running> {
  const device = await simulatedDevice(amd, { product: 'Genoa', ...machine });
  const worker = await bootWorker({
    groups: NO_GROUPS,
    ...parts,
    device,
    log: SILENT,
    now,
    ...(identity === undefined ? {} : { identity }),
  });
  return { url: worker.url, sawQuestion: () => worker.checkpoint().size > 0, close: () => worker.close() };
}

/** Ends the client's TLS itself, has the genuine worker answer the request for evidence, and waits for the question. */
async function relayTo(genuine: string, identity: Identity): Promise<Running> {
  const { hostname, port } = new URL(genuine);
  let asked = 0;
  const server = createTlsServer(
    { key: identity.privateKeyPem, cert: identity.certificatePem, ALPNProtocols: ['http/1.1'] },
    (client: TLSSocket) => {
      const upstream = connect({
        host: hostname,
        port: Number(port),
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      });
      upstream.on('data', (chunk) => client.write(chunk)).on('error', () => client.destroy());
      client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
      client.on('data', (chunk: Buffer) => {
        const head = chunk.toString('latin1');
        if (/^[A-Z]+ \//.test(head) && !head.startsWith(`POST ${ATTESTATION_PATH} `)) asked += 1;
        upstream.write(chunk);
      });
    },
  );
  return { url: await listen(server), sawQuestion: () => asked > 0, close: () => void server.close() };
}

/** Starts one impostor after the other; each is stopped before the next. */
export async function* createImpostors(demo: {
  readonly url: string;
  readonly trust: string;
  readonly state: string;
  readonly home: string;
  readonly functions: Readonly<Record<string, string>>;
}): AsyncGenerator<Impostor> {
  const amd = await openSimulatedAmd(demo.state);
  const parts = await loadWorkerParts(
    {
      listen: { host: '127.0.0.1', port: 0 },
      policies: [join(demo.home, 'hospital-a.yaml')],
      functions: demo.functions,
      endorsements: [],
      deadlineMs: 10_000,
      wasi: '0.2',
      store: 'memory',
      owners: {},
      egress: { names: {}, roots: 'system' },
    },
    demo.home,
    DISK,
  );
  const stolen = await openIdentity(now());
  const robbed = await workerOn(parts, amd, {}, stolen);
  const cases: readonly (readonly [string, RegExp, () => Promise<Running>])[] = [
    [
      'An ordinary web server with encryption: it cannot prove to be a sealed machine',
      /^NotAnEnclaveError ERR_NOT_AN_ENCLAVE_NO_EVIDENCE/,
      plainServer,
    ],
    [
      'A machine vouched for by some other maker: the client believes only the one in its trust file',
      /^NotAnEnclaveError ERR_NOT_AN_ENCLAVE_CHAIN/,
      async () => await workerOn(parts, await openSimulatedAmd(`${demo.state}-of-somebody-else`), {}),
    ],
    [
      'A sealed machine that runs other software',
      /^InvalidEnclaveCodeError ERR_INVALID_ENCLAVE_CODE_MEASUREMENT/,
      async () => await workerOn(parts, amd, { measurement: new Uint8Array(48).fill(7) }),
    ],
    [
      'The right software, but the operator could look into the memory (debugging is on)',
      /^NotIsolatedEnclaveError ERR_NOT_ISOLATED_GUEST_POLICY/,
      async () => await workerOn(parts, amd, { guestPolicy: 0x30000n | (1n << 19n) }),
    ],
    [
      "Somebody in the middle who shows the true worker's proof as their own",
      /^NotAnEnclaveError ERR_NOT_AN_ENCLAVE_CHANNEL/,
      async () => await relayTo(demo.url, await openIdentity(now())),
    ],
    [
      "The same, who has even stolen a worker's encryption key",
      /^NotAnEnclaveError ERR_NOT_AN_ENCLAVE_CHANNEL/,
      async () => await relayTo(robbed.url, stolen),
    ],
  ];
  try {
    for (const [what, must, start] of cases) {
      const running = await start();
      try {
        yield { what, must, url: running.url, trust: demo.trust, sawQuestion: () => running.sawQuestion() };
      } finally {
        await running.close();
      }
    }
  } finally {
    await robbed.close();
  }
}
