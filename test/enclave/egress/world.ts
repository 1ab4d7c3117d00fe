/** A small world for the broker: a resolver and a dialler that remember what they were asked, and servers on loopback. */

import { createServer as createPlainServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import type { DigestText } from '../../../src/base/digest.ts';
import { type AuditLog, openAuditLog } from '../../../src/enclave/audit.ts';
import { openBudget } from '../../../src/enclave/budget.ts';
import { EGRESS_LIMITS, type EgressLimits, openEgress } from '../../../src/enclave/egress.ts';
import { openPeerAppraiser } from '../../../src/enclave/peer-appraisal.ts';
import type { Egress, EgressAnswer, EgressRequest } from '../../../src/enclave/sandbox/sandbox.ts';
import { TransportError } from '../../../src/errors.ts';
import { type HttpClient, openHttpClient } from '../../../src/io/http-client.ts';
import { parseOwnerPolicy } from '../../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import {
  alternativeNames,
  type Issued,
  issue,
  issueAuthority,
  purposes,
  SERVER_AUTH,
} from '../../fixtures/certificates.ts';

export const NOW: Date = new Date('2026-11-21T12:00:00Z');
export const DIGEST: DigestText = `sha256:${'ab'.repeat(32)}`;
/** An ordinary public address; the dialler of the tests leads it to loopback. */
export const PUBLIC = '93.184.216.34';
export const PUBLIC6 = '2606:2800:220:1:248:1893:25c8:1946';

export const authority: Issued = issueAuthority('Test Web CA');
const LOOPBACK_BYTES = [0x7f, 0, 0, 1];

/** A server certificate for these names. */
export function serverCertificate(
  names: readonly string[],
  overrides: Parameters<typeof issue>[2] = {},
): ReturnType<typeof issue> {
  const all = names.map((dNSName) => ({ dNSName }));
  const san = alternativeNames(...all, { iPAddress: LOOPBACK_BYTES.join('.') });
  return issue([['CN', 'server']], authority, {
    notAfter: new Date('2060-01-01T00:00:00Z'),
    notBefore: new Date('2020-01-01T00:00:00Z'),
    extensions: [san, purposes(SERVER_AUTH)],
    ...overrides,
  });
}

export interface Seen {
  readonly url: string;
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly body: string;
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly seen: Seen[];
  connections: number;
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Opens a server on loopback: over TLS with this certificate, or plain. */
export async function openServer(
  certificate: ReturnType<typeof issue> | 'plain',
  answer: RequestListener = (_request, response) => void response.end('hello'),
): Promise<TestServer> {
  const seen: Seen[] = [];
  const serve = async (...[request, response]: Parameters<RequestListener>): Promise<void> => {
    const body = await read(request);
    seen.push({
      url: request.url ?? '',
      method: request.method ?? '',
      rawHeaders: request.rawHeaders,
      rawTrailers: request.rawTrailers,
      body,
    });
    answer(request, response);
  };
  // A request that breaks off is not seen.
  const listener: RequestListener = (request, response) => void serve(request, response).catch(() => undefined);
  const server =
    certificate === 'plain'
      ? createPlainServer(listener)
      : createServer({ cert: certificate.pem, key: certificate.privateKeyPem }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const opened: TestServer = {
    port: (server.address() as AddressInfo).port,
    seen,
    connections: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', () => {
    opened.connections += 1;
  });
  return opened;
}

/** Parses an owner's policy whose egress section is this YAML list. */
export function policyOf(
  egress: string,
  overrides: { owner?: string; digest?: string; more?: string; trust?: string } = {},
): OwnerPolicy {
  const lines = [
    'anchorhold: owner-policy/1',
    `owner: ${overrides.owner ?? 'hospital-a'}`,
    'version: 1',
    'valid: { from: 2026-11-01, until: 2027-05-01 }',
    `functions: { risk-score: "${overrides.digest ?? DIGEST}" }`,
    ...(overrides.more === undefined ? [] : [overrides.more]),
    ...(egress === '' ? [] : ['egress:', ...egress.split('\n').map((line) => `  ${line}`)]),
  ];
  return parseOwnerPolicy(`${lines.join('\n')}\n`, {
    file: 'policy.yaml',
    references: () => encodeUtf8(overrides.trust ?? '{"anchorhold":"trust/1"}'),
  });
}

export interface World {
  readonly egress: Egress;
  readonly client: HttpClient;
  readonly audit: AuditLog;
  /** Names that were looked up. */
  readonly resolved: string[];
  /** Addresses and ports that were dialled. */
  readonly dialled: string[];
  ask(url: string, overrides?: Partial<EgressRequest>, ended?: AbortSignal): Promise<EgressAnswer>;
}

export function openWorld(options: {
  readonly policies: readonly OwnerPolicy[];
  /** What DNS answers; a name that is not here has no address. */
  readonly dns?: Readonly<Record<string, readonly string[]>>;
  readonly roots?: 'system' | readonly string[];
  readonly fixedNames?: Readonly<Record<string, string>>;
  readonly limits?: Partial<EgressLimits>;
  readonly audit?: AuditLog;
  /** By owner and name. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly functionDigest?: DigestText;
  /** That of another world, with what it dials. */
  readonly client?: HttpClient;
  /** Where a dialled port leads to on loopback; itself when it is not here. */
  readonly ports?: Readonly<Record<number, number>>;
}): World {
  const resolved: string[] = [];
  const dialled: string[] = [];
  const dial = (address: string, port: number): Socket => {
    dialled.push(`${address} ${port}`);
    return connect({ host: '127.0.0.1', port: options.ports?.[port] ?? port });
  };
  const audit = options.audit ?? openAuditLog({ blockHeight: 8, retainedBlocks: 2, sink: 'memory-only' });
  const client = options.client ?? openHttpClient(options.roots ?? [authority.pem], dial);
  const egress = openEgress({
    policies: () => options.policies,
    functionDigest: options.functionDigest ?? DIGEST,
    client,
    resolve: async (name) => {
      resolved.push(name);
      const addresses = options.dns?.[name];
      if (addresses === undefined) throw new TransportError('ERR_TRANSPORT_UNREACHABLE', `no address for ${name}`);
      return addresses;
    },
    // The simulated AMD makes its certificates by the clock of this machine.
    appraiser: openPeerAppraiser(() => new Date()),
    fixedNames: options.fixedNames ?? {},
    audit,
    budget: openBudget(1000),
    secrets: (owner, name) => options.secrets?.[`${owner} ${name}`] ?? null,
    limits: { ...EGRESS_LIMITS, connectTimeoutMs: 5000, deadlineMs: 5000, ...options.limits },
    now: () => NOW,
  });
  return {
    egress,
    client,
    audit,
    resolved,
    dialled,
    async ask(url, overrides = {}, ended = new AbortController().signal) {
      const match = /^([^:]*):\/\/([^/?#]*)(.*)$/s.exec(url);
      const [scheme = '', authority = '', path = ''] = match === null ? ['', url, ''] : match.slice(1);
      const request = { method: 'GET', scheme, authority, path, headers: [], body: new Uint8Array(), ...overrides };
      return await egress(request, ended);
    },
  };
}

/** Gives the status of an answer, or the words of its failure. */
export function outcomeOf(answer: EgressAnswer): string {
  return 'error' in answer ? answer.error : String(answer.status);
}
