/** An owner for tests: policies with keys of its own, signed requests, and the channel to a worker that it appraises first. */
import { createHash } from 'node:crypto';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { importSigningKey, type SigningKey } from '../../src/base/ed25519.ts';
import { openCollateral } from '../../src/client/collateral-source.ts';
import { type OwnerChannel, openOwnerChannel } from '../../src/client/owner-channel.ts';
import { fixedTrust } from '../../src/client/trust-source.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { signStatement } from '../../src/policy/signing/jws.ts';
import type { PolicyRequest, WorkerRequest } from '../../src/policy/signing/owner-request.ts';
import { stateForWorker, statePolicy } from '../../src/policy/signing/statement.ts';
import { formatOwnerKey } from '../../src/policy/signing/threshold.ts';
import { makeKeyPem } from '../policy/signing/keys.ts';
import { functions } from './worker.ts';

export interface PolicyText {
  readonly owner?: string;
  readonly version?: number;
  readonly valid?: string;
  readonly functions?: Readonly<Record<string, string>>;
  /** What else stands in it. */
  readonly sections?: string;
  readonly keys?: readonly SigningKey[];
  readonly needed?: number;
}

/** Makes so many keys of an owner. */
export async function ownerKeys(count: number): Promise<readonly SigningKey[]> {
  return await Promise.all(Array.from({ length: count }, () => importSigningKey(makeKeyPem())));
}

/** Gives the digest of an example function as a policy lists it. */
export function listed(name: string): string {
  return `sha256:${createHash('sha256')
    .update(functions.get(name) ?? '')
    .digest('hex')}`;
}

/** Writes the text of a policy. */
export function policyText({
  owner = 'hospital-a',
  version = 1,
  valid,
  functions = {},
  sections = '',
  keys = [],
  needed = 1,
}: PolicyText): string {
  const changes = `changes: { keys: ${JSON.stringify(keys.map(({ spki }) => formatOwnerKey(spki)))}, needed: ${needed} }`;
  return [
    'anchorhold: owner-policy/1',
    `owner: ${owner}`,
    `version: ${version}`,
    `valid: ${valid ?? '{ from: 2020-01-01, until: 2099-01-01 }'}`,
    `functions: ${JSON.stringify(functions)}`,
    keys.length === 0 ? '' : changes,
    sections,
  ].join('\n');
}

/** Parses such a text, which refers to no file. */
export function parsePolicy(source: string): OwnerPolicy {
  const owner = /owner: (\S+)/.exec(source)?.[1] ?? 'x';
  return parseOwnerPolicy(source, { file: `${owner}.yaml`, references: () => null });
}

/** Makes the request for a policy, signed by these keys. */
export async function policyRequest(source: string, keys: readonly SigningKey[]): Promise<PolicyRequest> {
  const { owner, version, digest, file } = parsePolicy(source);
  const statement = statePolicy({ owner, version, digest });
  const signatures = await Promise.all(keys.map((key) => signStatement(statement, key)));
  return { kind: 'policy', statement, signatures, policy: { file, source, references: {} } };
}

/** Makes the request to withdraw a policy from the worker at the other end, signed by these keys. */
export async function revokeRequest(
  channel: OwnerChannel,
  policy: Pick<OwnerPolicy, 'owner' | 'digest'>,
  keys: readonly SigningKey[],
  now: Date = new Date(),
): Promise<WorkerRequest> {
  const { owner, digest } = policy;
  const about = { kind: 'revoke' as const, owner, name: 'policy', digest, size: 0 };
  const statement = stateForWorker(about, channel.claims.instance, now);
  const signatures = await Promise.all(keys.map((key) => signStatement(statement, key)));
  return { kind: 'revoke', statement, signatures, payload: new Uint8Array(0) };
}

/** Accepts any owner policies and whatever functions they let run, for who wants to change them. */
export function anyPolicies(trust: TrustFile): TrustFile {
  return {
    ...trust,
    code: { ...trust.code, functions: {} },
    isolation: { ...trust.isolation, policies: {}, others: 'any' },
  };
}

/** Opens the channel of an owner. */
export async function openChannel(trust: TrustFile): Promise<OwnerChannel> {
  const now = (): Date => new Date();
  const collateral = await openCollateral({ source: 'evidence-only' }, now);
  return await openOwnerChannel({
    origin: new URL(trust.url),
    trust: fixedTrust(trust),
    clientCertificate: null,
    collateral,
    timeoutMs: 10_000,
    now,
  });
}
