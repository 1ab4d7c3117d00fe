/** A session over real sockets: what a client developer sees when everything is right, and when the answer leads elsewhere. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import type { Gate, GateRequest } from '../../src/enclave/gate.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { type GenuineListener, openGenuineListener } from './genuine-listener.ts';
import { bootTestWorker, makeSigningKey, policyOf, type TestWorker } from './worker.ts';

const nightly = makeSigningKey();
const stranger = makeSigningKey();
const sections = `
callers:
  nightly: { key: "${nightly.text}" }
  idle: { key: "${stranger.text}" }
queries:
  - { allow: nightly, to: POST /upper }
  - { allow: nightly, to: POST /upper/limited, limit: 2/day }
results: { max: 100 B, types: [application/octet-stream] }
`;

describe('a session with a worker', () => {
  let t: TestWorker;
  beforeAll(async () => {
    t = await bootTestWorker({ policies: [policyOf(['upper'], sections)], functions: ['upper'] });
  });
  afterAll(async () => {
    await t[Symbol.asyncDispose]();
  });
  const open = (key = nightly): SecureSession =>
    new SecureSession(t.url, { trust: t.trustWith({}), credential: keyCredential(key) });

  it('verifies the worker and asks a function', async () => {
    await using session = open();
    const appraisal = await session.attest();
    expect(appraisal).toMatchObject({ verdict: 'accept', simulated: true, stage: null, error: null });
    expect(appraisal.report).toMatchObject({ version: 5, product: 'Genoa', signer: 'VCEK', vmpl: 0 });
    const response = await session.post('/upper', 'hello');
    expect(await response.text()).toBe('HELLO');
    expect(response.headers.get('anchorhold-simulated')).toBe('SIMULATED');
  });

  it('asks many times over few connections', async () => {
    await using session = open();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => await (await session.post('/upper', `n${i}`)).text()),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => `N${i}`));
  });

  it('reads the trust file by its path, and the URL from it', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'anchorhold-'));
    const trust = join(dir, 'trust.json');
    await writeFile(trust, formatTrustFile(t.trust));
    await using session = new SecureSession(undefined, { trust, credential: keyCredential(nightly) });
    expect(await (await session.post('/upper', 'x')).text()).toBe('X');
    await rm(dir, { recursive: true });
  });

  it.each([
    ['a trust file that is not there', { trust: '/nowhere/trust.json' }, 'ERR_CONFIGURATION_FILE'],
    ['a trust file with a field missing', { trust: { anchorhold: 'trust/1' } }, 'ERR_CONFIGURATION_TRUST'],
  ])('refuses %s', async (_name, options, code) => {
    await using session = new SecureSession(t.url, options);
    await expect(session.attest()).rejects.toMatchObject({ code });
  });

  it.each(['http://127.0.0.1:1', 'https://user@127.0.0.1:1', 'nonsense'])('refuses %s as an address', async (url) => {
    await using session = new SecureSession(url, { trust: t.trustWith({}) });
    await expect(session.attest()).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_USAGE' });
  });

  it.each(['/elsewhere', '/', '/.well-known/anchorhold/attestation', '/Upper', '/%75pper', '/__proto__'])(
    'sends nothing to %s, which the trust file does not list',
    async (path) => {
      const before = t.worker.checkpoint().size;
      await using session = open();
      await expect(session.post(path, 'secret')).rejects.toMatchObject({
        name: 'InvalidEnclaveCodeError',
        code: 'ERR_INVALID_ENCLAVE_CODE_FUNCTION',
        appraisal: { verdict: 'accept' },
      });
      expect(t.worker.checkpoint().size).toBe(before);
    },
  );

  it('without arguments reads ./anchorhold.trust.json, and the URL from it', async () => {
    const [before, dir] = [process.cwd(), await mkdtemp(join(tmpdir(), 'anchorhold-'))];
    await writeFile(join(dir, 'anchorhold.trust.json'), formatTrustFile(t.trust));
    process.chdir(dir);
    try {
      await using session = new SecureSession();
      expect(await session.attest()).toMatchObject({ verdict: 'accept' });
    } finally {
      process.chdir(before);
      await rm(dir, { recursive: true });
    }
  });

  it('can be used once a missing trust file is there', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'anchorhold-'));
    const trust = join(dir, 'trust.json');
    await using session = new SecureSession(t.url, { trust, credential: keyCredential(nightly) });
    await expect(session.attest()).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    await writeFile(trust, formatTrustFile(t.trust));
    expect(await (await session.post('/upper', 'x')).text()).toBe('X');
    await rm(dir, { recursive: true });
  });

  it('refuses a URL of another origin before it is sent', async () => {
    await using session = open();
    for (const url of ['https://elsewhere.example/upper', '//elsewhere.example/upper', 'http://127.0.0.1/upper']) {
      await expect(session.get(url)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_ORIGIN' });
    }
  });

  it('is told who refuses, where it is written and what to do', async () => {
    await using session = open(stranger);
    const response = await session.post('/upper', 'x');
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      code: 'ERR_POLICY_DENIED_QUERY',
      owner: 'hospital-a',
      rule: expect.stringMatching(/^hospital-a\.yaml:\d+$/) as string,
      detail: expect.stringContaining('idle') as string,
    });
  });

  it('is stopped at its limit, and told when to come back', async () => {
    await using session = open();
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await session.post('/upper/limited', 'x'));
    expect(answers.map((a) => a.status)).toEqual([200, 200, 429]);
    expect(Number(answers[2]?.headers.get('retry-after'))).toBeGreaterThan(3600);
  });

  it('gets nothing that is larger than the owner lets out', async () => {
    await using session = open();
    expect((await session.post('/upper', 'x'.repeat(100))).status).toBe(200);
    const response = await session.post('/upper', 'x'.repeat(101));
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: 'ERR_POLICY_DENIED_RESULT' });
  });

  it('writes every decision into the log that the claims commit to', async () => {
    const before = t.worker.checkpoint();
    await using session = open();
    await session.post('/upper', 'x');
    await session.post('/upper/other', 'x');
    expect(t.worker.checkpoint().size).toBe(before.size + 2);
    expect(t.worker.checkpoint().root).not.toEqual(before.root);
  });
});

describe('a session whose worker answers with', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  async function withGate(
    answer: Gate['answer'],
    use: (g: GenuineListener, session: SecureSession) => Promise<void>,
  ): Promise<void> {
    await using genuine = await openGenuineListener(answer);
    await using session = new SecureSession(genuine.url, {
      trust: JSON.parse(formatTrustFile(genuine.trust)) as object,
    });
    await use(genuine, session);
  }
  const redirect = (status: number, location: string) => (r: GateRequest) =>
    Promise.resolve(
      r.target === '/start'
        ? { status, headers: [['location', location] as const], body: new Uint8Array() }
        : { status: 200, headers: [], body: bytes(`${r.method} ${r.target}`) },
    );

  it.each([
    [302, 'POST', 'GET /end'],
    [303, 'PUT', 'GET /end'],
    [307, 'POST', 'POST /end'],
    [308, 'PUT', 'PUT /end'],
  ])('a redirect %i follows it on the same origin', async (status, method, text) => {
    await withGate(redirect(status, '/end'), async (_g, session) => {
      expect(await (await session.fetch('/start', { method, body: 'x' })).text()).toBe(text);
    });
  });

  it.each([
    'https://elsewhere.example/',
    'http://127.0.0.1/',
    '//elsewhere.example/end',
    'javascript:1',
    'https://127.0.0.1:1/',
  ])('a redirect to %s refuses it', async (location) => {
    await withGate(redirect(307, location), async (_g, session) => {
      await expect(session.post('/start', 'x')).rejects.toMatchObject({
        name: 'NotAnEnclaveError',
        code: 'ERR_NOT_AN_ENCLAVE_REDIRECT',
      });
    });
  });

  it('endless redirects stops', async () => {
    let asked = 0;
    const around: Gate['answer'] = () => {
      asked += 1;
      return Promise.resolve({ status: 307, headers: [['location', '/start']], body: new Uint8Array() });
    };
    await withGate(around, async (_g, session) => {
      expect((await session.get('/start')).status).toBe(307);
      expect(asked).toBe(6);
    });
  });

  it('the end of an idle connection attests a new one', async () => {
    const channels = new Set<string>();
    const answer: Gate['answer'] = (r) => {
      channels.add(Buffer.from(r.channel).toString('hex'));
      return Promise.resolve({ status: 200, headers: [['connection', 'close']], body: new Uint8Array() });
    };
    let attested = 0;
    await using genuine = await openGenuineListener(answer, {
      attester: (real) => ({
        answer: async (nonce, channel) => {
          attested += 1;
          return await real.answer(nonce, channel);
        },
      }),
    });
    await using session = new SecureSession(genuine.url, {
      trust: JSON.parse(formatTrustFile(genuine.trust)) as object,
    });
    await session.get('/a');
    genuine.listener.dropConnections();
    await session.get('/b');
    expect(attested).toBe(2);
    expect(channels.size).toBe(2);
  });

  it('nothing within the time it has is a transport error', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    await using genuine = await openGenuineListener(async () => {
      await promise;
      return { status: 200, headers: [], body: new Uint8Array() };
    });
    const trust = JSON.parse(formatTrustFile(genuine.trust)) as object;
    await using session = new SecureSession(genuine.url, { trust, timeoutMs: 1000 });
    await expect(session.get('/x', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    resolve(undefined);
  });
});
