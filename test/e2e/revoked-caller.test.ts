/** An owner takes a caller's key back while the worker runs: the caller's query ends at once with its way out, another caller's goes on. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { anyPolicies, listed, openChannel, ownerKeys, parsePolicy, policyRequest, policyText } from './owner.ts';
import { bootTestWorker, makeSigningKey, type TestWorker } from './worker.ts';

const ada = makeSigningKey();
const bob = makeSigningKey();
const [key] = await ownerKeys(1);
if (key === undefined) throw new Error('no key');

/** A service that answers when it is told to. */
const waiting: ServerResponse[] = [];
const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
const left = Promise.withResolvers<void>();
const server = createServer((_request, response) => {
  arrived[waiting.push(response) - 1]?.resolve();
  response.once('close', () => {
    if (!response.writableFinished) left.resolve();
  });
});

function version(n: number, port: number, more = ''): string {
  const sections = `
callers: { ada: { key: "${ada.text}" }, bob: { key: "${bob.text}" } }
queries: [{ allow: [ada, bob], to: POST /fetcher }]
egress: [{ to: "http://slow.example:${port}/**", methods: [GET] }]
results: { max: 1 KiB, types: [text/plain] }
${more}`;
  return policyText({
    version: n,
    functions: { fetcher: listed('fetcher') },
    keys: key === undefined ? [] : [key],
    sections,
  });
}

describe('a caller whose key is taken back', () => {
  let worker: TestWorker;
  let port = 0;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    worker = await bootTestWorker({
      policies: [parsePolicy(version(1, port))],
      functions: ['fetcher'],
      egress: { names: { 'slow.example': '127.0.0.1' }, roots: 'system' },
    });
  });
  afterAll(async () => {
    await worker[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  async function ask(credential: typeof ada): Promise<{ status: number; text: string }> {
    const trust = {
      ...worker.trustWith({}),
      isolation: { policies: { others: 'any' }, lockdown: worker.trust.isolation.lockdown },
    };
    await using session = new SecureSession(worker.url, { trust, credential: keyCredential(credential) });
    const response = await session.post('/fetcher', `http://slow.example:${port}/x`);
    return { status: response.status, text: await response.text() };
  }

  it('loses the running query with its connection to outside, and everything after it; another caller keeps theirs', async () => {
    const hers = ask(ada);
    await arrived[0]?.promise;
    const his = ask(bob);
    await arrived[1]?.promise;
    await using channel = await openChannel(anyPolicies(worker.trust));
    const next = version(2, port, `revoked: [{ key: "${ada.text}" }]\n`);
    const { notice } = await channel.request(await policyRequest(next, [key]));
    expect(notice).toMatchObject({ kind: 'policy', after: { version: 2 } });

    const ended = await hers;
    expect(ended.status).toBe(403);
    expect(JSON.parse(ended.text)).toMatchObject({ code: 'ERR_POLICY_CALLER_REVOKED', owner: 'hospital-a' });
    await left.promise;
    waiting[1]?.end('late');
    expect(await his).toEqual({ status: 200, text: 'status 200\nlate' });

    const again = await ask(ada);
    expect([again.status, JSON.parse(again.text)]).toMatchObject([403, { code: 'ERR_POLICY_CALLER_REVOKED' }]);
    expect(waiting).toHaveLength(2);
  });
});
