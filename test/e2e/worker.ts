/** A whole worker in this process on a simulated AMD, with a trust file that fits it; for tests that go through real sockets. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PRESETS } from '../../src/attestation/requirements.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { bootWorker, type Worker, type WorkerOptions } from '../../src/enclave/boot.ts';
import { type FunctionFiles, singleFile } from '../../src/enclave/function-files.ts';
import { NO_GROUPS } from '../../src/enclave/sandbox/resource-groups.ts';
import { SILENT } from '../../src/io/log.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import {
  type MachineOptions,
  openSimulatedAmd,
  SIMULATED_MEASUREMENT,
  type SimulatedAmd,
  simulatedDevice,
} from '../../src/testing/index.ts';
import { buildFunctions } from '../../tools/build-functions.ts';
import { fakeHost } from '../enclave/lockdown/fake-host.ts';

const STATE = resolve(import.meta.dirname, '../../.anchorhold');

/** The simulated AMD of this machine; its keys take seconds to make, so all tests share them. */
export async function sharedAmd(): Promise<SimulatedAmd> {
  mkdirSync(STATE, { recursive: true });
  return await openSimulatedAmd(join(STATE, 'simulated-amd'));
}

/** The example functions, built once. */
export const functions: ReadonlyMap<string, Uint8Array> = new Map(
  (await buildFunctions()).map(({ name, bytes }) => [name, bytes]),
);

/** A caller's Ed25519 key. */
export interface SigningKey {
  readonly privateKeyPem: string;
  /** As a policy writes it. */
  readonly text: string;
}

/** Makes a key. */
export function makeSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    text: `ed25519:${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  };
}

/** Writes a policy of owner `hospital-a` around these sections; the functions named are listed with their digests. */
export function policyText(names: readonly string[], sections: string): string {
  const listed = names.map((name) => `  ${name}: ${formatDigest(sha256(functions.get(name) ?? new Uint8Array()))}`);
  return [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    'version: 1',
    'valid: { from: 2020-01-01, until: 2099-01-01 }',
    'functions:',
    ...listed,
    sections,
  ].join('\n');
}

/** Parses such a policy. */
export function policyOf(
  names: readonly string[],
  sections: string,
  references: Readonly<Record<string, string>> = {},
): OwnerPolicy {
  return parseOwnerPolicy(policyText(names, sections), {
    file: 'hospital-a.yaml',
    references: (name) => (Object.hasOwn(references, name) ? Buffer.from(references[name] ?? '') : null),
  });
}

export interface TestWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly url: string;
  /** The trust file that fits, as JSON. */
  readonly trust: TrustFile;
  /** The trust file as JSON with changes at the top level. */
  trustWith(change: object): object;
}

/** Boots a worker on a machine of the shared simulated AMD. */
export async function bootTestWorker(
  options: {
    readonly policies?: readonly OwnerPolicy[];
    readonly functions?: readonly string[];
    /** Functions that are no examples. */
    readonly files?: ReadonlyMap<string, FunctionFiles>;
    readonly machine?: MachineOptions;
  } & Partial<Omit<WorkerOptions, 'policies' | 'functions'>> = {},
): Promise<TestWorker> {
  const { policies = [], functions: names = [], files = [], machine = {}, ...rest } = options;
  const amd = await sharedAmd();
  const worker = await bootWorker({
    groups: NO_GROUPS,
    listen: { host: '127.0.0.1', port: 0 },
    deadlineMs: 10_000,
    wasi: '0.2',
    store: 'memory',
    endorsements: [],
    owners: {},
    egress: { names: {}, roots: 'system' },
    device: await simulatedDevice(amd, { product: 'Genoa', ...machine }),
    log: SILENT,
    now: () => new Date(),
    host: fakeHost(),
    ...rest,
    policies,
    functions: new Map([
      ...names.map((name) => [name, singleFile(functions.get(name) ?? new Uint8Array())] as const),
      ...files,
    ]),
  });
  const trust: TrustFile = {
    url: worker.url,
    roots: { simulated: [await amd.rootFingerprint('Genoa')] },
    machine: PRESETS['strict-2026-11'],
    code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: worker.functions },
    isolation: { policies: worker.policies, others: 'refused', lockdown: worker.lockdown },
    freshness: { reattest: 'connection' },
  };
  return {
    worker,
    url: worker.url,
    trust,
    trustWith: (change) => ({ ...(JSON.parse(formatTrustFile(trust)) as object), ...change }),
    [Symbol.asyncDispose]: () => worker.close(),
  };
}
