/** Functions in their own process: what works, and that nothing a guest does reaches further than its own call. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../../../src/base/digest.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { makePlan } from '../../../src/enclave/sandbox/component/make-plan.ts';
import { DEFAULT_FUNCTION_LIMITS, loadFunction, type SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../../../src/enclave/sandbox/resource-groups.ts';
import type { EgressRequest } from '../../../src/enclave/sandbox/sandbox.ts';
import { readModule } from '../../../src/enclave/sandbox/wasm/read-module.ts';
import { buildFunctions } from '../../../tools/build-functions.ts';
import { drain } from '../bodies.ts';
import { buildRogue, loadGuest, NO_EGRESS, post, textOf } from './guests.ts';

let rogueBytes: Uint8Array;
const examples = new Map<string, Uint8Array>();
beforeAll(async () => {
  rogueBytes = await buildRogue();
  for (const { name, bytes } of await buildFunctions()) examples.set(name, bytes);
});
const example = (name: string): Uint8Array => examples.get(name) ?? new Uint8Array(0);

describe('loading', () => {
  // Node itself tells of every child process that is made.
  const started = vi.fn();
  beforeAll(() => subscribe('child_process', started));
  beforeEach(() => started.mockClear());
  afterAll(() => void unsubscribe('child_process', started));
  const options = {
    name: 'f',
    limits: DEFAULT_FUNCTION_LIMITS,
    groups: NO_GROUPS,
    mounts: [],
    env: [],
    answerType: 'a/b',
    onNotice: () => undefined,
    onLog: () => undefined,
  };

  it('refuses bytes with another digest before anything of them is parsed', async () => {
    const flipped = Uint8Array.from(example('upper'));
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    const garbage = new TextEncoder().encode('not WASM at all');
    // Garbage under a wrong digest is a digest error: its form was never looked at.
    for (const bytes of [flipped, garbage]) {
      const load = loadFunction({ ...options, bytes, digest: sha256(example('upper')) });
      await expect(load).rejects.toMatchObject({ code: 'ERR_FUNCTION_DIGEST' });
    }
    expect(started).not.toHaveBeenCalled();
  });

  it('refuses a digest of another length', async () => {
    const digest = sha256(example('upper')).subarray(0, 31);
    await expect(loadFunction({ ...options, bytes: example('upper'), digest })).rejects.toMatchObject({
      code: 'ERR_FUNCTION_DIGEST',
    });
    expect(started).not.toHaveBeenCalled();
  });

  it.each([
    ['garbage', () => Promise.resolve(new TextEncoder().encode('not WASM at all'))],
    ['a file over the cap', () => Promise.resolve(new Uint8Array(LIMITS.functionBytes + 1))],
  ])('refuses %s without starting a process', async (_, make) => {
    await expect(loadGuest(await make())).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
    expect(started).not.toHaveBeenCalled();
  });

  it('refuses a component whose structure is broken, without starting a process', async () => {
    const broken = Uint8Array.from(example('upper'));
    broken.fill(0xff, 200, 260);
    await expect(loadGuest(broken)).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
    expect(started).not.toHaveBeenCalled();
  });

  it('refuses a component whose core module is broken, without starting a process', async () => {
    const broken = Uint8Array.from(example('upper'));
    makePlan(broken).modules[0]?.fill(0xff, 8, 12);
    await expect(loadGuest(broken)).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
    expect(started).not.toHaveBeenCalled();
  });

  it('refuses a component whose core module has wrong types, in a process of its own', async () => {
    const broken = Uint8Array.from(example('upper'));
    const module = makePlan(broken).modules[0] ?? new Uint8Array(0);
    // What drops has the same form as what does nothing, but there is nothing to drop.
    const first = readModule(module).bodies.find(({ code, end }) => end - code > 3)?.code ?? 0;
    module.set([0x1a, 0x1a], first);
    await expect(loadGuest(broken)).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
    expect(started).toHaveBeenCalledTimes(1);
  });

  it('says how the function is confined', async () => {
    const f = await loadGuest(example('upper'));
    expect([f.kind, f.sandbox]).toEqual(['command', 'node-permission']);
    await f.close();
    await expect(post(f, 'x')).rejects.toMatchObject({ code: 'ERR_FUNCTION_UNAVAILABLE' });
  });
});

describe('the examples', () => {
  it('risk-score answers with a score, or says what is missing', async () => {
    const f = await loadGuest(example('risk-score'));
    const cases: readonly (readonly [string, number, unknown])[] = [
      ['{"age": 61, "systolic": 150, "cigarettes": 10}', 200, { score: 52, level: 'medium' }],
      ['{"cigarettes":0,"age":30,"systolic":90}', 200, { score: 15, level: 'low' }],
      ['{"age":999999999,"systolic":999,"cigarettes":99}', 200, { score: 100, level: 'high' }],
      ['{"age":9999999999,"systolic":100,"cigarettes":0}', 400, expect.objectContaining({ error: expect.any(String) })],
      ['{"age":"1"}', 400, expect.anything()],
      ['', 400, expect.anything()],
    ];
    for (const [body, status, expected] of cases) {
      const response = await post(f, body);
      expect([response.status, JSON.parse(textOf(response))]).toEqual([status, expected]);
      expect(response.headers).toEqual([['content-type', 'application/json']]);
    }
    expect(cases.length).toBe(6);
    await f.close();
  });

  it('upper answers as a command: 200 and what it wrote', async () => {
    const f = await loadGuest(example('upper'));
    const long = 'anchorhold '.repeat(2000);
    const response = await post(f, long);
    expect([response.status, response.headers]).toEqual([200, [['content-type', 'application/octet-stream']]]);
    expect(textOf(response)).toBe(long.toUpperCase());
    await f.close();
  });
});

describe('egress', () => {
  let f: SandboxedFunction;
  beforeAll(async () => {
    f = await loadGuest(example('fetcher'));
  });
  afterAll(() => f.close());

  it('carries the request out and the answer in', async () => {
    const seen: EgressRequest[] = [];
    const response = await post(f, 'https://listed.host.test:8443/a/b?c=d\n', {
      egress: async (request) => {
        seen.push(request);
        return { status: 203, headers: [['x', 'y']], body: new TextEncoder().encode('from outside') };
      },
    });
    expect(textOf(response)).toBe('status 203\nfrom outside');
    expect(seen).toEqual([
      {
        method: 'GET',
        scheme: 'https',
        authority: 'listed.host.test:8443',
        path: '/a/b?c=d',
        headers: [],
        body: new Uint8Array(0),
      },
    ]);
  });

  it.each(['http', 'https', 'ftp'])('names the scheme %s as the guest wrote it', async (scheme) => {
    const seen: string[] = [];
    const egress = async (r: EgressRequest): Promise<{ error: string }> => {
      seen.push(`${r.scheme} ${r.authority} ${r.path}`);
      return { error: 'HTTP-request-denied' };
    };
    await post(f, `${scheme}://169.254.169.254`, { egress });
    expect(seen).toEqual([`${scheme} 169.254.169.254 /`]);
  });

  it.each([
    ['HTTP-request-denied', 'HTTP-request-denied'],
    ['DNS-error', 'DNS-error'],
    ['connection-refused', 'connection-refused'],
    ['TLS-certificate-error', 'TLS-certificate-error'],
    ['HTTP-response-body-size', 'HTTP-response-body-size'],
    ['TLS-alert-received', 'TLS-alert-received'],
    ['HTTP-response-trailer-size', 'HTTP-response-trailer-size'],
    ['HTTP-response-transfer-coding', 'HTTP-response-transfer-coding'],
    ['not-a-name-of-wasi', 'internal-error'],
  ])('gives the refusal %s to the guest as a value', async (error, shown) => {
    const response = await post(f, 'https://other.test/', { egress: async () => ({ error }) });
    expect([response.status, textOf(response)]).toEqual([200, `error ${shown}\n`]);
  });

  it('gives HTTP-protocol-error for a response that is not one', async () => {
    const egress = async (): Promise<{ status: number; headers: []; body: Uint8Array }> => ({
      status: 101,
      headers: [],
      body: new Uint8Array(0),
    });
    expect(textOf(await post(f, 'https://other.test/', { egress }))).toBe('error HTTP-protocol-error\n');
  });

  it('gives internal-error when the gate itself fails', async () => {
    const response = await post(f, 'https://other.test/', { egress: () => Promise.reject(new Error('bug')) });
    expect(textOf(response)).toBe('error internal-error\n');
  });

  it('keeps the requests of overlapping calls apart', async () => {
    const egress = async (r: EgressRequest): Promise<{ status: number; headers: []; body: Uint8Array }> => ({
      status: 200,
      headers: [],
      body: new TextEncoder().encode(r.path),
    });
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const responses = await Promise.all(paths.map((path) => post(f, `https://a.test${path}`, { egress })));
    expect(responses.map(textOf)).toEqual(paths.map((path) => `status 200\n${path}`));
  });

  it('refuses what is not a URL inside the guest, with nothing asked of the gate', async () => {
    const egress = vi.fn(NO_EGRESS);
    for (const body of ['', 'listed.host.test', 'https://', 'https://a b/']) {
      expect((await post(f, body, { egress })).status).toBe(400);
    }
    expect(egress).not.toHaveBeenCalled();
  });
});

describe('a guest that misbehaves', () => {
  const lines: string[] = [];
  let f: SandboxedFunction;
  beforeAll(async () => {
    f = await loadGuest(rogueBytes, { memoryPages: 64, outputBytes: 100_000, maxCalls: 16 }, (line) =>
      lines.push(line),
    );
  });
  afterAll(() => f.close());

  it('has an empty environment, no directory and no hop-by-hop headers', async () => {
    // Environment 0, directories 0, then error 1 with case forbidden (1).
    // The host aligns what it gives, which leaves zero bytes between.
    expect(textOf(await post(f, 'p')).replaceAll('\0', '')).toBe('0 0 11');
  });

  it.each([
    ['traps', 't'],
    ['returns without an answer', 'n'],
    ['leaves its body unfinished', 'u'],
    ['answers with an error', 'e'],
    ['asks to exit', 'x'],
    ['asks for 2^64 random bytes', 'r'],
    ['writes without end', 'f'],
  ])('that %s ends its own call only', async (_, body) => {
    const [bad, good] = await Promise.allSettled([post(f, body), post(f, 'still here')]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'ERR_FUNCTION_TRAP' } });
    expect(good.status === 'fulfilled' && textOf(good.value)).toBe('still here');
  });

  it('gets an answer to a poll of nothing', async () => {
    expect(textOf(await post(f, 'q'))).toMatch(/^q\0*$/);
  });

  it('meets the end of memory at the cap', async () => {
    const pages = Number(textOf(await post(f, 'g')));
    expect(pages).toBeGreaterThan(32);
    expect(pages).toBeLessThanOrEqual(64);
  });

  it('has a fresh instance for each call', async () => {
    const responses = [await post(f, 'c'), await post(f, 'c'), ...(await Promise.all([post(f, 'c'), post(f, 'c')]))];
    expect(responses.map(textOf)).toEqual(['1', '1', '1', '1']);
  });

  it('lets calls that wait overlap', async () => {
    const begin = performance.now();
    const responses = await Promise.all(Array.from({ length: 8 }, () => post(f, 's')));
    expect(responses.map(textOf)).toEqual(Array.from({ length: 8 }, () => 's'));
    // One after the other would take 8 x 300 ms.
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it('is refused more calls of one caller at once than half of its places', async () => {
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => post(f, 's')));
    const refused = results.filter((r) => r.status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'ERR_FUNCTION_UNAVAILABLE' } }]);
  });

  it('has its stderr handed over as one printable line', async () => {
    lines.length = 0;
    await post(f, 'o');
    expect(lines).toEqual(['secret?']);
  });

  it('that loops is killed at its deadline, and the service is back', async () => {
    const begin = performance.now();
    await expect(post(f, 'l', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    expect(performance.now() - begin).toBeLessThan(2000);
    expect(textOf(await post(f, 'again'))).toBe('again');
  });

  it('that loops takes the calls beside it down as unavailable, never as its own fault', async () => {
    const results = await Promise.allSettled([post(f, 's'), post(f, 'l', { deadlineMs: 200 }), post(f, 'x'.repeat(9))]);
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_FUNCTION_UNAVAILABLE' } });
    expect(results[1]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_FUNCTION_DEADLINE' } });
    expect(textOf(await post(f, 'again'))).toBe('again');
  });

  it('that sleeps past its deadline ends alone: its instance is dropped, and the calls beside it go on in the same process', async () => {
    // Time enough for a machine that runs other tests beside this one.
    const patient = await loadGuest(rogueBytes, { graceMs: 10_000 });
    const beside = post(patient, 's');
    await expect(post(patient, 's', { deadlineMs: 50 })).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    expect(textOf(await beside)).toBe('s');
    await patient.close();
  });

  it('carries a body of the largest size both ways', async () => {
    const big = await loadGuest(rogueBytes, { memoryPages: 1024 });
    const body = `z${'0123456789abcde'.repeat(70_000)}`;
    const { body: answered } = await post(big, body);
    expect(new TextDecoder().decode(await drain(answered))).toBe(body);
    await big.close();
  });
});
