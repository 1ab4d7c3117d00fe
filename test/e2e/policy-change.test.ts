/** What a change of policy does to those who are connected: new work stops, running answers end, and sessions appraise anew by themselves. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import type { SigningKey } from '../../src/base/ed25519.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { codeOf } from '../policy/signing/keys.ts';
import {
  anyPolicies,
  listed,
  openChannel,
  ownerKeys,
  type PolicyText,
  parsePolicy,
  policyRequest,
  policyText,
  revokeRequest,
} from './owner.ts';
import { bootTestWorker, makeSigningKey, type TestWorker } from './worker.ts';

const caller = makeSigningKey();
const [a, b] = (await ownerKeys(2)) as [SigningKey, SigningKey];

/** A service that answers when the test says so. */
const waiting: { request: IncomingMessage; response: ServerResponse }[] = [];
const service = createServer((request, response) => void waiting.push({ request, response }));
let port = 0;
beforeAll(async () => {
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  port = (service.address() as AddressInfo).port;
});
afterAll(() => {
  service.closeAllConnections();
  service.close();
});

const sections = (queries: readonly string[]): string => `
callers: { nightly: { key: "${caller.text}" } }
queries: [${queries.map((to) => `{ allow: nightly, to: POST ${to} }`).join(', ')}]
egress: [{ to: "http://api.test:${port}/**", methods: [GET] }]
results: { max: 1 KiB, types: [application/octet-stream, text/plain] }
`;
const base = (): PolicyText => ({
  functions: { upper: listed('upper'), fetcher: listed('fetcher') },
  keys: [a],
  sections: sections(['/upper', '/fetcher']),
});
/** What hospital-b writes about the one function that it lists. */
const guest = (digest = listed('upper'), query = '/upper'): PolicyText => ({
  owner: 'hospital-b',
  functions: { upper: digest },
  keys: [b],
  sections: sections([query]),
});

let t: TestWorker;
let trust: TrustFile;
let clock: Date | null = null;
beforeEach(async () => {
  clock = null;
  t = await bootTestWorker({
    policies: [parsePolicy(policyText(base()))],
    functions: ['upper', 'fetcher'],
    owners: { 'hospital-b': { keys: [b.spki], needed: 1 } },
    egress: { names: { 'api.test': '127.0.0.1' }, roots: 'system' },
    now: () => clock ?? new Date(),
  });
  trust = anyPolicies({ ...t.trust });
  trust = { ...trust, code: t.trust.code };
  waiting.length = 0;
});
afterEach(() => t[Symbol.asyncDispose]());

const open = (demands: TrustFile = trust): SecureSession =>
  new SecureSession(t.url, {
    trust: JSON.parse(formatTrustFile(demands)) as object,
    credential: keyCredential(caller),
  });

async function push(text: PolicyText, key = a): Promise<void> {
  await using channel = await openChannel(anyPolicies(t.trust));
  await channel.request(await policyRequest(policyText({ ...base(), ...text }), [key]));
}

async function revoke(): Promise<void> {
  await using channel = await openChannel(anyPolicies(t.trust));
  await channel.request(await revokeRequest(channel, parsePolicy(policyText(base())), [a]));
}

/** Waits until a call has come to the service. */
async function arrived(): Promise<(typeof waiting)[number]> {
  while (waiting.length === 0) await once(service, 'request');
  return waiting[0] as (typeof waiting)[number];
}

/** Reads the code of a refusal. */
async function refusal(response: Response): Promise<unknown> {
  return { status: response.status, ...((await response.json()) as object) };
}

describe('a change', () => {
  it('ends idle connections, and a session appraises a new one before it sends anything', async () => {
    await using session = open();
    expect(await (await session.post('/upper', 'a')).text()).toBe('A');
    await push({ version: 2 });
    expect(await (await session.post('/upper', 'b')).text()).toBe('B');
    await using strict = open(t.trust);
    expect(await codeOf(() => strict.post('/upper', 'c'))).toBe('ERR_NOT_ISOLATED_POLICY');
  });

  it('refuses the next request on a connection that was busy, and nothing of it is run', async () => {
    const socket: TLSSocket = connect({
      port: Number(new URL(t.url).port),
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    let answers = '';
    socket.on('data', (piece: Buffer) => {
      answers += piece.toString('latin1');
    });
    // The first request is under way while the policy changes: its body has not come.
    socket.write('POST /.well-known/anchorhold/owner HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{');
    await new Promise((resolve) => setImmediate(resolve));
    await push({ version: 2 });
    socket.write('}POST /upper HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na');
    await once(socket, 'close');
    expect(answers).toMatch(/^HTTP\/1\.1 400 /);
    expect(answers).toContain('connection: close');
    expect(answers).not.toContain('200 OK');
  });

  it('lets a running call answer, but nothing more come in or go out for it', async () => {
    await using session = open();
    const asked = session.post('/fetcher', `http://api.test:${port}/x`);
    const { request, response } = await arrived();
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '400000' });
    response.write('x'.repeat(1000));
    await revoke();
    response.end('x'.repeat(399_000));
    const answer = await asked;
    expect(answer.status).toBe(200);
    // Whole, it would be too large to be let out.
    expect(await answer.text()).toMatch(/^status 200\nx{0,1000}$/);
    expect(request.socket.destroyed).toBe(true);
  });

  it('takes terms into effect for new work', async () => {
    await push({ version: 2, functions: { upper: listed('upper') }, sections: sections(['/upper']) });
    await using session = open({
      ...trust,
      code: { ...trust.code, functions: { upper: trust.code.functions['upper'] ?? 'sha256:' } },
    });
    expect(Object.keys(t.worker.functions)).toEqual(['upper']);
    expect(await (await session.post('/upper', 'a')).text()).toBe('A');
    await push({ version: 3 });
    expect(Object.keys(t.worker.functions).toSorted()).toEqual(['fetcher', 'upper']);
  });

  it('that cannot be made whole is not made at all', async () => {
    const before = t.worker.policies;
    const over = JSON.stringify({ digest: listed('fetcher'), memory: '64 KiB' });
    const text = policyText({ ...base(), version: 2 }).replace(`"fetcher":"${listed('fetcher')}"`, `"fetcher":${over}`);
    await using channel = await openChannel(anyPolicies(t.trust));
    expect(await codeOf(async () => await channel.request(await policyRequest(text, [a])))).not.toBeNull();
    expect(t.worker.policies).toEqual(before);
    expect(Object.keys(t.worker.functions).toSorted()).toEqual(['fetcher', 'upper']);
    await using session = open();
    expect(await (await session.post('/upper', 'a')).text()).toBe('A');
  });
});

describe('a second owner', () => {
  it('must allow what the first one does, and a denial names it', async () => {
    await push(guest(), b);
    await using session = open();
    expect(await (await session.post('/upper', 'a')).text()).toBe('A');
    await push({ ...guest(listed('upper'), '/upper/none'), version: 2 }, b);
    const refused = await refusal(await session.post('/upper', 'a'));
    expect(refused).toMatchObject({ status: 403, code: 'ERR_POLICY_DENIED_QUERY', owner: 'hospital-b' });
    expect(refused).toMatchObject({ rule: expect.stringMatching(/^hospital-b\.yaml:\d+$/) as string });
  });

  it('who means other code stops the function for all', async () => {
    await push(guest(`sha256:${'00'.repeat(32)}`), b);
    expect(Object.keys(t.worker.functions)).toEqual(['fetcher']);
    await using session = open();
    expect(await codeOf(() => session.post('/upper', 'a'))).toBe('ERR_INVALID_ENCLAVE_CODE_FUNCTION');
    await push({ ...guest(), version: 2 }, b);
    expect(await (await session.post('/upper', 'a')).text()).toBe('A');
  });
});

/** Posts without any proof on a connection of its own. */
async function ask(path: string): Promise<string> {
  const socket = connect({ port: Number(new URL(t.url).port), host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\na`);
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text;
}

describe('what is not in force', () => {
  it('is refused in the name of the owner who withdrew, at once', async () => {
    await revoke();
    const text = await ask('/upper');
    expect(text).toContain('ERR_POLICY_NOT_IN_FORCE');
    expect(text).toContain('hospital-a');
  });

  it('has run out while the worker runs, and is refused from that moment', async () => {
    await using session = open();
    expect((await session.post('/upper', 'a')).status).toBe(200);
    clock = new Date('2099-01-01T00:00:00Z');
    expect(await ask('/upper')).toContain('ERR_POLICY_NOT_IN_FORCE');
  });
});
