/**
 * The image in containers, as another place to run the same files: a worker with no capabilities on a root that cannot be written, who may ask it,
 * and what the image's packet rules leave to whom. A pod is made as engines do it: a container that only holds the network, and others that join it.
 */
import { chownSync, createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { ERRORS } from '../../src/errors.ts';
import { openSimulatedAmd, SIMULATED_MEASUREMENT, simulatedDevice } from '../../src/testing/index.ts';
import { functions, makeSigningKey } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { type Engine, IMAGE_FILE, lackOfEngine, startEngine } from './engine.ts';
import { ImageContainer, NODE, ROOT, script, WAITS } from './image-container.ts';

const GATE = 990;
/** A user as function processes have in a machine of the image. */
const FUNCTION = 10_000;

const lack = lackOfEngine();
const test = skipUnless(lack === null, lack ?? '');

/** An engine, 130 MB to unpack and five containers take seconds on a machine that does nothing else, and minutes on one that does. */
const SETUP_MS = 300_000;

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-containers-'));
const [nightly, stranger] = [makeSigningKey(), makeSigningKey()];
const digestOf = (name: string): string => formatDigest(sha256(functions.get(name) ?? new Uint8Array()));

const POLICY = `
anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { upper: "${digestOf('upper')}", fetcher: "${digestOf('fetcher')}" }
callers: { nightly: { key: "${nightly.text}" } }
queries: [{ allow: nightly, to: POST /upper }, { allow: nightly, to: POST /fetcher }]
egress: [{ to: "http://service.test:8080/allowed", methods: [GET] }]
results: { max: 1 KiB, types: [application/octet-stream, text/plain] }
`;

/** What inside/worker.ts prints when it listens. */
interface WorkerClaims {
  readonly functions: TrustFile['code']['functions'];
  readonly policies: TrustFile['isolation']['policies'];
  readonly lockdown: TrustFile['isolation']['lockdown'];
}

let engine: Engine;
let network: StartedNetwork;
let service: StartedTestContainer;
let pod: StartedTestContainer;
let worker: StartedTestContainer;
let client: StartedTestContainer;
let said: WorkerClaims;
const served: string[] = [];

/** Writes what is mounted into the worker's container, all of it the worker's user's. */
async function writeConfiguration(serviceAddress: string): Promise<string> {
  const config = join(folder, 'config');
  mkdirSync(config);
  for (const name of ['upper', 'fetcher']) writeFileSync(join(config, `${name}.wasm`), functions.get(name) ?? '');
  writeFileSync(join(config, 'hospital-a.yaml'), POLICY);
  writeFileSync(
    join(config, 'worker.json'),
    JSON.stringify({
      anchorhold: 'anchorhold-worker/1',
      listen: { host: '0.0.0.0', port: 8443 },
      policies: ['hospital-a.yaml'],
      functions: { upper: 'upper.wasm', fetcher: 'fetcher.wasm' },
      endorsements: [],
      deadlineMs: 10_000,
      egress: { names: { 'service.test': serviceAddress }, roots: [] },
    }),
  );
  const amd = await openSimulatedAmd(join(config, 'simulated-amd'));
  // What is mounted cannot be written, so all of its keys are made here.
  await simulatedDevice(amd, { product: 'Genoa' });
  const root = await amd.rootFingerprint('Genoa');
  for (const name of readdirSync(config, { recursive: true, encoding: 'utf8' }))
    chownSync(join(config, name), GATE, GATE);
  chownSync(config, GATE, GATE);
  return root;
}

/** What inside/client.ts prints of an answer. */
interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Asks the worker from the client's container, with somebody's key. */
async function ask(key: 'nightly' | 'stranger', path: string, body: string): Promise<Answer> {
  const program = [NODE, script('client'), '/client/trust.json', `/client/${key}.pem`, path, body];
  const { output, exitCode } = await client.exec(program);
  expect(exitCode, output).toBe(0);
  return JSON.parse(output) as Answer;
}

/** What a user reaches of the service, from inside the pod or elsewhere. */
async function reach(from: StartedTestContainer, user: number): Promise<string> {
  const program = [NODE, script('reach'), service.getIpAddress(network.getName()), '8080'];
  return (await from.exec(program, { user: `${user}:${user}` })).output.trim();
}

beforeAll(async () => {
  if (lack !== null) return;
  engine = await startEngine();
  process.env['DOCKER_HOST'] = engine.address;
  // It is an image of others, which cannot be had here; the engine's end is what cleans up.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const runtime = await getContainerRuntimeClient();
  const loading = await runtime.container.dockerode.loadImage(createReadStream(IMAGE_FILE));
  for await (const _ of loading);
  network = await new Network().start();
  service = await new ImageContainer([NODE, script('service')])
    .withUser('65534:65534')
    .withNetwork(network)
    .withLogConsumer((stream) => stream.on('data', (line) => served.push(String(line).trim())))
    .withWaitStrategy(Wait.forLogMessage('listening'))
    .start();
  const root = await writeConfiguration(service.getIpAddress(network.getName()));

  pod = await new ImageContainer(WAITS).withNetwork(network).withWaitStrategy(Wait.forLogMessage('waits')).start();
  const joined = `container:${pod.getId()}`;
  await new ImageContainer(['/usr/sbin/nft', '-f', '/etc/anchorhold/nftables.conf'])
    .withUser('0:0')
    .withAddedCapabilities('NET_ADMIN')
    .withNetworkMode(joined)
    .withWaitStrategy(Wait.forOneShotStartup())
    .start();
  // The engine sees a line before its reader does.
  const claimed = Promise.withResolvers<string>();
  worker = await new ImageContainer([NODE, '--disable-sigusr1', script('worker')])
    .withUser(`${GATE}:${GATE}`)
    .withNetworkMode(joined)
    .withBindMounts([
      { source: ROOT, target: '/repo', mode: 'ro' },
      { source: join(folder, 'config'), target: '/config', mode: 'ro' },
    ])
    .withLogConsumer((stream) =>
      stream.on('data', (line) => {
        if (String(line).startsWith('{"functions"')) claimed.resolve(String(line));
      }),
    )
    .withWaitStrategy(Wait.forLogMessage('{"functions"'))
    .start();
  said = JSON.parse(await claimed.promise) as WorkerClaims;

  mkdirSync(join(folder, 'client'));
  writeFileSync(join(folder, 'client/nightly.pem'), nightly.privateKeyPem);
  writeFileSync(join(folder, 'client/stranger.pem'), stranger.privateKeyPem);
  writeFileSync(
    join(folder, 'client/trust.json'),
    formatTrustFile({
      url: `https://${pod.getIpAddress(network.getName())}:8443`,
      roots: { simulated: [root] },
      machine: PRESETS['strict-2026-11'],
      code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: said.functions },
      isolation: { policies: said.policies, others: 'refused', lockdown: said.lockdown },
      freshness: { reattest: 'connection' },
    }),
  );
  client = await new ImageContainer(WAITS)
    .withUser('65534:65534')
    .withNetwork(network)
    .withBindMounts([
      { source: ROOT, target: '/repo', mode: 'ro' },
      { source: join(folder, 'client'), target: '/client', mode: 'ro' },
    ])
    .withWaitStrategy(Wait.forLogMessage('waits'))
    .start();
}, SETUP_MS);

afterAll(async () => {
  if (lack !== null) return;
  await Promise.all([client, worker, service].map((container) => container?.stop({ timeout: 0 })));
  await pod?.stop({ timeout: 0 });
  await network?.stop();
  await engine?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe('a worker in a container', () => {
  test('answers a client in another, who appraised it first', async () => {
    expect(await ask('nightly', '/upper', 'hello')).toEqual({ status: 200, body: 'HELLO' });
  });

  test('denies a third party, who is in no policy', async () => {
    const { status, body } = await ask('stranger', '/upper', 'hello');
    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([401, 'ERR_POLICY_CALLER']);
  });

  test('lets its function get what the policy allows, and nothing else', async () => {
    served.length = 0;
    expect(await ask('nightly', '/fetcher', 'http://service.test:8080/allowed')).toEqual({
      status: 200,
      body: 'status 200\ndata',
    });
    expect(await ask('nightly', '/fetcher', 'http://service.test:8080/other')).toEqual({
      status: 200,
      body: 'error HTTP-request-denied\n',
    });
    expect(served).toEqual(['asked /allowed']);
  });

  test('has no privileges, and says so', () => {
    expect(said.lockdown).toMatchObject({ privileges: 'none', debugger: 'none', seccomp: 'filter', core: 'none' });
  });

  test('stands on a root that nobody can write', async () => {
    const write = [NODE, '-e', "try { fs.writeFileSync('/bin/node', '') } catch (error) { console.log(error.code) }"];
    expect((await worker.exec(write, { user: '0:0' })).output.trim()).toBe('EROFS');
  });
});

describe('the entry of the image', () => {
  test('ends where the machine has no report device, and says so', async () => {
    const entry = [NODE, '/lib/anchorhold/container.js', '/config/worker.json'];
    const { exitCode, output } = await worker.exec(entry, { user: `${GATE}:${GATE}` });
    expect([exitCode, output]).toEqual([2, expect.stringContaining(ERRORS.ERR_CONFIGURATION_DEVICE.action)]);
  });
});

describe('the packet rules of the image', () => {
  test('let the user of the gate reach the service', async () => {
    expect(await reach(pod, GATE)).toBe('open');
  });

  test('let the user of a function reach nothing, and root neither', async () => {
    expect([await reach(pod, FUNCTION), await reach(pod, 0)]).toEqual(['nothing', 'nothing']);
  });

  test('are what keeps them: where they are not loaded, the same user reaches it', async () => {
    expect(await reach(client, FUNCTION)).toBe('open');
  });
});
