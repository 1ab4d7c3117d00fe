/** Every server that is not the worker the client wants gets its own error, and sees nothing but the request for evidence. */
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ATTESTATION_PATH, encodeEvidence, parseEvidence } from '../../src/attestation/evidence.ts';
import { formatTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import { openIdentity } from '../../src/enclave/identity.ts';
import { type EnclaveError, SecureSession } from '../../src/index.ts';
import { createSimulatedAmd } from '../../src/testing/index.ts';
import { type GenuineListener, openGenuineListener } from './genuine-listener.ts';
import { bootTestWorker, policyOf, type TestWorker } from './worker.ts';

/** Asks once; gives the code of the error, or the status. */
async function ask(url: string, trust: TrustFile): Promise<{ code: string; name: string; failed: string[] }> {
  await using session = new SecureSession(url, {
    trust: JSON.parse(formatTrustFile(trust)) as object,
    timeoutMs: 5000,
  });
  try {
    return { code: String((await session.post('/upper', 'question')).status), name: '', failed: [] };
  } catch (error) {
    const { code, name, appraisal } = error as EnclaveError & {
      appraisal?: { checks: { id: string; outcome: string }[] };
    };
    return { code, name, failed: (appraisal?.checks ?? []).filter((c) => c.outcome === 'fail').map((c) => c.id) };
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a server without evidence', () => {
  it.each([
    ['a web page', 200, 'text/html', Buffer.from('<p>hello</p>')],
    ['not found', 404, 'text/plain', Buffer.from('no')],
    ['evidence under another type', 200, 'application/octet-stream', Buffer.alloc(10)],
  ])('that answers %s is not an enclave', async (_name, status, type, body) => {
    const identity = await openIdentity(new Date());
    const asked: string[] = [];
    const server = createHttpsServer(
      { key: identity.privateKeyPem, cert: identity.certificatePem },
      (request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body);
      },
    );
    const url = await listen(server);
    await using genuine = await openGenuineListener(() => Promise.reject(new Error('never')));
    expect(await ask(url, genuine.trust)).toMatchObject({
      name: 'NotAnEnclaveError',
      code: 'ERR_NOT_AN_ENCLAVE_NO_EVIDENCE',
      failed: ['evidence-present'],
    });
    expect(asked).toEqual([ATTESTATION_PATH]);
    server.close();
  });

  it.each([
    [503, 'ERR_TRANSPORT_OVERLOADED'],
    [504, 'ERR_TRANSPORT_TIMEOUT'],
  ])(
    'that answers %i, as a worker does whose device is busy, is a transport error and no verdict',
    async (status, code) => {
      const identity = await openIdentity(new Date());
      const asked: string[] = [];
      const server = createHttpsServer(
        { key: identity.privateKeyPem, cert: identity.certificatePem },
        (request, response) => {
          asked.push(request.url ?? '');
          response.writeHead(status, { 'content-length': 0 }).end();
        },
      );
      const url = await listen(server);
      await using genuine = await openGenuineListener(() => Promise.reject(new Error('never')));
      expect(await ask(url, genuine.trust)).toEqual({ name: 'TransportError', code, failed: [] });
      expect(asked).toEqual([ATTESTATION_PATH]);
      server.close();
    },
  );

  it('that speaks no TLS 1.3 is a transport error', async () => {
    const identity = await openIdentity(new Date());
    const server = createTlsServer({
      key: identity.privateKeyPem,
      cert: identity.certificatePem,
      maxVersion: 'TLSv1.2',
    });
    const url = await listen(server);
    await using genuine = await openGenuineListener(() => Promise.reject(new Error('never')));
    expect(await ask(url, genuine.trust)).toMatchObject({ code: 'ERR_TRANSPORT_UNREACHABLE' });
    server.close();
  });

  it('that is not there is a transport error', async () => {
    await using genuine = await openGenuineListener(() => Promise.reject(new Error('never')));
    expect(await ask('https://127.0.0.1:1', genuine.trust)).toMatchObject({ name: 'TransportError' });
  });
});

describe('a worker that differs in one thing', () => {
  const queries = `
callers: { anyone: { key: "ed25519:MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" } }
queries: [{ allow: anyone, to: POST /upper }]
results: { max: 1 KiB, types: [application/octet-stream] }
`;
  let t: TestWorker;
  beforeAll(async () => {
    t = await bootTestWorker({ policies: [policyOf(['upper'], queries)], functions: ['upper'] });
  });
  afterAll(async () => {
    await t[Symbol.asyncDispose]();
  });

  it('is accepted when it does not', async () => {
    expect(await ask(t.url, t.trust)).toMatchObject({ code: '403' });
    expect(t.worker.checkpoint().size).toBe(1);
  });

  const change = (over: (trust: TrustFile) => Partial<TrustFile>): TrustFile => ({ ...t.trust, ...over(t.trust) });
  const cases: [string, string, string, (trust: TrustFile) => Partial<TrustFile>][] = [
    ['its root', 'ERR_NOT_AN_ENCLAVE_CHAIN', 'chain-root', () => ({ roots: { simulated: ['00'.repeat(32)] } })],
    ["its root, which is not AMD's", 'ERR_NOT_AN_ENCLAVE_CHAIN', 'chain-root', () => ({ roots: 'amd' })],
    [
      'its measurement',
      'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT',
      'code-measurement',
      ({ code }) => ({ code: { ...code, measurements: ['00'.repeat(48)] } }),
    ],
    [
      'its measurement, when none is listed',
      'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT',
      'code-measurement',
      ({ code }) => ({ code: { ...code, measurements: [] } }),
    ],
    [
      'the digest of a function',
      'ERR_INVALID_ENCLAVE_CODE_FUNCTION',
      'code-functions',
      ({ code }) => ({ code: { ...code, functions: { upper: `sha256:${'00'.repeat(32)}` } } }),
    ],
    [
      'a function that is not loaded',
      'ERR_INVALID_ENCLAVE_CODE_FUNCTION',
      'code-functions',
      ({ code }) => ({ code: { ...code, functions: { ...code.functions, other: `sha256:${'00'.repeat(32)}` } } }),
    ],
    [
      'an owner policy',
      'ERR_NOT_ISOLATED_POLICY',
      'owner-policies',
      ({ isolation }) => ({ isolation: { ...isolation, policies: { 'hospital-a': `sha256:${'00'.repeat(32)}` } } }),
    ],
    [
      'an owner who is not listed',
      'ERR_NOT_ISOLATED_POLICY',
      'owner-policies',
      ({ isolation }) => ({ isolation: { ...isolation, policies: {} } }),
    ],
    [
      'an owner who is missing',
      'ERR_NOT_ISOLATED_POLICY',
      'owner-policies',
      ({ isolation }) => ({
        isolation: { ...isolation, policies: { ...isolation.policies, 'hospital-b': `sha256:${'00'.repeat(32)}` } },
      }),
    ],
    [
      'a lockdown claim',
      'ERR_NOT_ISOLATED_LOCKDOWN',
      'lockdown-counters',
      ({ isolation }) => ({ isolation: { ...isolation, lockdown: { ...isolation.lockdown, counters: 'durable' } } }),
    ],
  ];
  it.each(cases)('in %s gives %s by the check %s, and no query', async (_name, code, check, over) => {
    const before = t.worker.checkpoint().size;
    expect(await ask(t.url, change(over))).toMatchObject({ code, failed: [check] });
    expect(t.worker.checkpoint().size).toBe(before);
  });

  it('accepts owners that are not listed only where the trust file says so', async () => {
    const trust = change(({ isolation }) => ({ isolation: { ...isolation, policies: {}, others: 'any' } }));
    expect(await ask(t.url, trust)).toMatchObject({ code: '403' });
  });

  it.each([
    ['a debuggable machine', { guestPolicy: 0x30000n | (1n << 19n) }, 'ERR_NOT_ISOLATED_GUEST_POLICY'],
    ['another privilege level', { vmpl: 1 }, 'ERR_NOT_ISOLATED_VMPL'],
    ['a machine without the alias check', { platformInfo: 0n }, 'ERR_NOT_ISOLATED_PLATFORM'],
  ])('refuses %s', async (_name, machine, code) => {
    let asked = 0;
    await using genuine = await openGenuineListener(
      () => {
        asked += 1;
        return Promise.reject(new Error('never'));
      },
      { machine },
    );
    expect(await ask(genuine.url, genuine.trust)).toMatchObject({ name: 'NotIsolatedEnclaveError', code });
    expect(asked).toBe(0);
  });

  it('refuses a simulated AMD with another root', async () => {
    const other = createSimulatedAmd();
    const trust = change(() => ({ roots: { simulated: [] } }));
    expect(await ask(t.url, { ...trust, roots: { simulated: [await other.rootFingerprint('Genoa')] } })).toMatchObject({
      code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
    });
  });
});

describe('evidence that was changed on its way', () => {
  const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((b, i) => (i === at ? b ^ 1 : b));
  it.each([
    ['cut short', (e: Uint8Array) => e.subarray(0, -1), 'ERR_NOT_AN_ENCLAVE_PARSE'],
    ['with a changed report', change('report', (b) => flip(b, 0x50)), 'ERR_NOT_AN_ENCLAVE_SIGNATURE'],
    ['with changed claims', change('claims', (b) => flip(b, 20)), 'ERR_NOT_AN_ENCLAVE_CHANNEL'],
    ['with claims that are no claims', change('claims', (b) => b.subarray(1)), 'ERR_NOT_AN_ENCLAVE_PARSE'],
  ])('%s is refused', async (_name, corrupt, code) => {
    await using genuine = await openGenuineListener(() => Promise.reject(new Error('never')), {
      attester: (real) => ({ answer: async (nonce, channel) => corrupt(await real.answer(nonce, channel)) }),
    });
    expect(await ask(genuine.url, genuine.trust)).toMatchObject({ name: 'NotAnEnclaveError', code });
  });

  it('is refused when it answers an earlier nonce', async () => {
    let kept: Uint8Array | null = null;
    await using genuine = await openGenuineListener(
      () => Promise.resolve({ status: 200, headers: [], body: new Uint8Array() }),
      {
        attester: (real) => ({
          answer: async (nonce, channel) => {
            kept ??= await real.answer(nonce, channel);
            return kept;
          },
        }),
      },
    );
    expect(await ask(genuine.url, genuine.trust)).toMatchObject({ code: '200' });
    expect(await ask(genuine.url, genuine.trust)).toMatchObject({
      code: 'ERR_NOT_AN_ENCLAVE_CHANNEL',
      failed: ['channel-freshness'],
    });
  });

  function change(
    field: 'report' | 'claims',
    by: (bytes: Uint8Array) => Uint8Array,
  ): (encoded: Uint8Array) => Uint8Array {
    return (encoded) => {
      const parsed = parseEvidence(encoded);
      if ('problem' in parsed) throw new Error(parsed.problem);
      return encodeEvidence({ ...parsed.value, [field]: by(parsed.value[field]) });
    };
  }
});

describe('a relay', () => {
  /** Proxies every byte to the genuine worker over a TLS connection of its own; the client's TLS ends in the relay. */
  async function openRelay(genuine: GenuineListener, keys: { privateKeyPem: string; certificatePem: string }) {
    const seen: string[] = [];
    const server = createTlsServer(
      { key: keys.privateKeyPem, cert: keys.certificatePem, ALPNProtocols: ['http/1.1'] },
      (client) => {
        const { port } = genuine.listener;
        const upstream = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
        upstream.on('data', (chunk) => client.write(chunk)).on('error', () => client.destroy());
        client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
        client.on('data', (chunk: Buffer) => {
          seen.push(chunk.toString('latin1'));
          upstream.write(chunk);
        });
      },
    );
    return { url: await listen(server), seen, close: () => server.close() };
  }

  it.each([
    ['its own TLS key', 'own', ['channel-freshness', 'channel-tls-key']],
    ["the worker's TLS key, stolen", 'stolen', ['channel-freshness']],
  ])('with %s is refused before the question leaves', async (_name, whose, failed) => {
    let asked = 0;
    await using genuine = await openGenuineListener(() => {
      asked += 1;
      return Promise.resolve({ status: 200, headers: [], body: new Uint8Array() });
    });
    const relay = await openRelay(genuine, whose === 'own' ? await openIdentity(new Date()) : genuine.identity);
    expect(await ask(relay.url, genuine.trust)).toMatchObject({ code: 'ERR_NOT_AN_ENCLAVE_CHANNEL', failed });
    expect(relay.seen).toHaveLength(1);
    expect(relay.seen[0]).toContain(ATTESTATION_PATH);
    expect(asked).toBe(0);
    relay.close();
  });
});
