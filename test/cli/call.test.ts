/** `anchorhold call`: what leaves as the caller said it, the answer on stdout, and a refusal of the gate as an exit code and who refused. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { main } from '../../src/cli/main.ts';
import type { GateRequest } from '../../src/enclave/gate.ts';
import type { WholeResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { type GenuineListener, openGenuineListener } from '../e2e/genuine-listener.ts';
import { bootTestWorker, makeSigningKey, policyOf, type TestWorker } from '../e2e/worker.ts';
import { issueAuthority } from '../fixtures/certificates.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-call-'));
const nightly = makeSigningKey();
const stranger = makeSigningKey();
const caller = issueAuthority('Analyst');
const POLICY = `
callers:
  nightly: { key: "${nightly.text}" }
queries: [{ allow: nightly, to: POST /upper, limit: 4/day }]
results: { max: 1 KiB, types: [application/octet-stream] }
`;

/** What the listener without a real gate is to answer next, and what it was asked. */
let next: WholeResponse;
let asked: { readonly request: GateRequest; readonly body: Uint8Array } | null = null;
let genuine: GenuineListener;
let whole: TestWorker;

beforeAll(async () => {
  genuine = await openGenuineListener(async (request) => {
    asked = { request, body: await request.readBody(LIMITS.bodyBytes) };
    return next;
  });
  whole = await bootTestWorker({ policies: [policyOf(['upper'], POLICY)], functions: ['upper'] });
  writeFileSync(join(folder, 'anchorhold.trust.json'), formatTrustFile(genuine.trust));
  writeFileSync(join(folder, 'whole.json'), formatTrustFile(whole.trust));
  writeFileSync(join(folder, 'amd.json'), formatTrustFile({ ...genuine.trust, roots: 'amd' }));
  writeFileSync(join(folder, 'nightly.key'), nightly.privateKeyPem);
  writeFileSync(join(folder, 'stranger.key'), stranger.privateKeyPem);
  writeFileSync(join(folder, 'caller.pem'), caller.pem);
  writeFileSync(join(folder, 'caller.key'), caller.privateKeyPem);
  writeFileSync(join(folder, 'token'), 'aaa.bbb.ccc\n');
  writeFileSync(join(folder, 'data.bin'), Buffer.from([0, 255, 1]));
  writeFileSync(
    join(folder, 'rsa.key'),
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
});
afterAll(async () => {
  await genuine[Symbol.asyncDispose]();
  await whole[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function run(url: string, args: readonly string[], stdin: string | Uint8Array = '') {
  const io = memoryIo({ cwd: folder, stdin });
  const exit = await main(['call', url, ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

function answer(status: number, text: string, ...headers: (readonly [string, string])[]): WholeResponse {
  return { status, headers: [['content-type', 'text/plain'], ...headers], body: Buffer.from(text) };
}

/** Asks the listener, and gives what it saw beside what the command did. */
async function send(args: readonly string[], stdin?: string | Uint8Array, response = answer(200, 'ok')) {
  [next, asked] = [response, null];
  const told = await run(genuine.url, args, stdin);
  const seen = asked as { readonly request: GateRequest; readonly body: Uint8Array } | null;
  const header = (name: string): string | undefined => seen?.request.headers.find(([key]) => key === name)?.[1];
  return { ...told, seen, header, body: Buffer.from(seen?.body ?? []) };
}

const SIMULATED = "note: SIMULATED: the accepted root is not AMD's\n";

describe('a call', () => {
  it('asks a function of a whole worker', async () => {
    const args = ['/upper', '--trust', 'whole.json', '--sign', 'nightly.key', '--data', 'hello'];
    expect(await run(whole.url, args)).toEqual({ exit: 0, out: 'HELLO', err: SIMULATED });
  });

  it('is refused by the gate with owner, rule and exit code', async () => {
    const args = ['/upper', '--trust', 'whole.json', '--sign', 'stranger.key', '--data', 'hello'];
    const { exit, out, err } = await run(whole.url, args);
    expect([exit, out]).toEqual([21, '']);
    expect(err).toMatch(/\nanchorhold: refused: .*\(owner hospital-a, hospital-a\.yaml:\d+\)\nhint: .*\n$/);
    const json = await run(whole.url, [...args, '--json']);
    expect(json.exit).toBe(21);
    expect(JSON.parse(json.out)).toMatchObject({ status: 401, refused: true, simulated: true });
    expect(JSON.parse(json.err)).toMatchObject({
      error: 'PolicyError',
      code: 'ERR_POLICY_CALLER',
      owner: 'hospital-a',
      rule: expect.stringMatching(/^hospital-a\.yaml:\d+$/) as string,
      message: expect.any(String) as string,
      hint: expect.any(String) as string,
    });
  });

  it('for a function that the trust file does not list sends nothing', async () => {
    const told = await run(whole.url, ['/none', '--trust', 'whole.json', '--json']);
    expect(told.exit).toBe(11);
    expect(JSON.parse(told.err)).toMatchObject({ code: 'ERR_INVALID_ENCLAVE_CODE_FUNCTION' });
  });

  it('sends nothing when the worker is refused', async () => {
    const told = await send(['/x', '--trust', 'amd.json', '--data', 'secret', '--json']);
    expect([told.exit, told.out, told.seen]).toEqual([10, '', null]);
    expect(JSON.parse(told.err)).toMatchObject({
      code: 'ERR_NOT_AN_ENCLAVE_CHAIN',
      checks: expect.any(Array) as unknown,
    });
  });
});

describe('the data of a call', () => {
  it.each<[string, readonly string[], string | Uint8Array, string, Uint8Array]>([
    ['nothing', [], 'not read', 'GET', Buffer.from('')],
    ['text', ['--data', 'a b'], '', 'POST', Buffer.from('a b')],
    ['an empty text', ['--data', ''], '', 'POST', Buffer.from('')],
    ['a file', ['--data', '@data.bin'], '', 'POST', Buffer.from([0, 255, 1])],
    ['standard input', ['--data', '@-'], Buffer.from([9, 0, 200]), 'POST', Buffer.from([9, 0, 200])],
    ['text by another method', ['--data', 'a', '--method', 'put'], '', 'PUT', Buffer.from('a')],
    ['nothing by another method', ['--method', 'DELETE'], '', 'DELETE', Buffer.from('')],
  ])('are %s', async (_name, args, stdin, method, body) => {
    const told = await send(['/x/y?z=1', ...args], stdin);
    expect(told).toMatchObject({ exit: 0, out: 'ok' });
    expect(told.seen?.request).toMatchObject({ method, target: '/x/y?z=1' });
    expect(told.body.equals(body)).toBe(true);
  });

  it('go out with the headers that were given', async () => {
    const { header } = await send(['/x', '--header', 'Accept: text/csv', '--header', 'x-empty:']);
    expect([header('accept'), header('x-empty')]).toEqual(['text/csv', '']);
  });
});

describe('a caller', () => {
  it('signs with a key', async () => {
    const { header } = await send(['/x', '--sign', 'nightly.key', '--data', 'a']);
    expect(header('signature-input')).toContain('tag="anchorhold"');
    expect(header('content-digest')).toContain('sha-256=');
  });

  it('shows a certificate in the handshake', async () => {
    const { seen } = await send(['/x', '--cert', 'caller.pem', '--key', 'caller.key']);
    expect(seen?.request.peerCertificates).toEqual([caller.der]);
  });

  it('presents a token', async () => {
    expect((await send(['/x', '--token', 'token'])).header('authorization')).toBe('Bearer aaa.bbb.ccc');
  });

  it('may be nobody', async () => {
    const { seen, header } = await send(['/x']);
    expect([seen?.request.peerCertificates, header('authorization'), header('signature')]).toEqual([
      [],
      undefined,
      undefined,
    ]);
  });
});

describe('an answer', () => {
  it.each([
    [200, 0, ''],
    [204, 0, ''],
    [404, 1, 'anchorhold: the function answered with status 404\n'],
    [500, 1, 'anchorhold: the function answered with status 500\n'],
  ])('of status %i ends with %i', async (status, exit, err) => {
    const text = status === 204 ? '' : 'body';
    expect(await send(['/x'], '', answer(status, text))).toMatchObject({ exit, out: text, err: SIMULATED + err });
  });

  it('that looks like a refusal, but is a function’s, is an answer', async () => {
    const problem = JSON.stringify({ code: 'ERR_POLICY_DENIED_QUERY', detail: 'no', owner: 'x', rule: 'y:1' });
    const told = await send(['/x'], '', answer(403, problem, ['content-type', 'application/problem+json']));
    expect(told).toMatchObject({ exit: 1, out: problem });
    expect(told.err).not.toContain('refused');
  });

  it.each([
    ['that is no JSON', 'no JSON', 1],
    ['that is null', 'null', 1],
    ['with a code that is not known', '{"code":"ERR_UNHEARD_OF"}', 1],
    ['with a code that is a property of every object', '{"code":"toString"}', 1],
    ['with a code of another family', '{"code":"ERR_FUNCTION_DEADLINE","detail":"slow"}', 31],
  ])('of the gate %s is a refusal all the same', async (_name, text, exit) => {
    const told = await send(['/x'], '', answer(403, text, ['anchorhold-refused-by', 'gate']));
    expect(told).toMatchObject({ exit, out: '' });
    expect(told.err).toMatch(/\nanchorhold: refused: .+\nhint: .+\n$/);
  });

  it('of a refusal cannot drive the terminal', async () => {
    const text = JSON.stringify({ detail: 'a\u001b[2J\nb', owner: '\u202e', rule: 1 });
    const { err } = await send(['/x'], '', answer(403, text, ['anchorhold-refused-by', 'gate']));
    for (const sign of ['\u001b', '\u202e']) expect(err).not.toContain(sign);
    expect(err.split('\n')).toHaveLength(4);
  });

  it('as JSON has the status, the headers and the body, as text or base64', async () => {
    const text = await send(['/x', '--json'], '', answer(200, 'ok', ['x-own', '1']));
    expect(text).toMatchObject({ exit: 0, err: '' });
    expect(JSON.parse(text.out)).toEqual({
      status: 200,
      refused: false,
      simulated: true,
      headers: expect.objectContaining({ 'content-type': 'text/plain', 'x-own': '1' }) as unknown,
      body: 'ok',
    });
    const bytes = await send(['/x', '--json'], '', { ...answer(418, ''), body: Uint8Array.from([255, 0]) });
    expect(bytes.exit).toBe(1);
    expect(JSON.parse(bytes.out)).toMatchObject({ status: 418, base64: '/wA=' });
  });
});

describe('a call is refused before anything leaves', () => {
  it.each<[string, readonly string[], string]>([
    ['two credentials', ['--sign', 'nightly.key', '--token', 'token'], 'ERR_CONFIGURATION_USAGE'],
    ['a certificate without a key', ['--cert', 'caller.pem'], 'ERR_CONFIGURATION_USAGE'],
    ['a key without a certificate', ['--key', 'caller.key'], 'ERR_CONFIGURATION_USAGE'],
    ['a credential that is not there', ['--token', 'none'], 'ERR_CONFIGURATION_FILE'],
    ['a key of another kind', ['--sign', 'rsa.key'], 'ERR_SECRET_UNREADABLE'],
    ['a file that is not there', ['--data', '@none'], 'ERR_CONFIGURATION_FILE'],
    ['a body with GET', ['--data', 'a', '--method', 'GET'], 'ERR_CONFIGURATION_USAGE'],
    ['a method that is none', ['--method', 'A B'], 'ERR_CONFIGURATION_USAGE'],
    ['a header without a colon', ['--header', 'accept'], 'ERR_CONFIGURATION_USAGE'],
    ['a header with a blank in its name', ['--header', 'a b: c'], 'ERR_CONFIGURATION_USAGE'],
    ['a header with a line end', ['--header', 'a: b\r\nc: d'], 'ERR_CONFIGURATION_USAGE'],
    ['a header twice', ['--header', 'a: b', '--header', 'A: c'], 'ERR_CONFIGURATION_USAGE'],
    ['a header of the connection', ['--header', 'Host: elsewhere'], 'ERR_CONFIGURATION_USAGE'],
    [
      'a header that the credential makes',
      ['--token', 'token', '--header', 'authorization: x'],
      'ERR_CONFIGURATION_USAGE',
    ],
    ['a certificate that is none', ['--cert', 'token', '--key', 'caller.key'], 'ERR_SECRET_UNREADABLE'],
    ['a private key that is none', ['--cert', 'caller.pem', '--key', 'token'], 'ERR_SECRET_UNREADABLE'],
    ['the private key of another certificate', ['--cert', 'caller.pem', '--key', 'rsa.key'], 'ERR_SECRET_UNREADABLE'],
    ['a trust file that is not there', ['--trust', 'none.json'], 'ERR_CONFIGURATION_FILE'],
  ])('with %s', async (_name, args, code) => {
    const told = await send(['/x', '--json', ...args]);
    expect([told.out, told.seen]).toEqual(['', null]);
    expect(JSON.parse(told.err)).toMatchObject({ code });
  });

  it('with more on standard input than a query may carry', async () => {
    const told = await send(['/x', '--json', '--data', '@-'], new Uint8Array(LIMITS.bodyBytes + 1));
    expect([told.exit, told.seen]).toEqual([2, null]);
    expect(JSON.parse(told.err)).toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it('to another origin than the session’s', async () => {
    const told = await send(['https://elsewhere.example/x', '--json']);
    expect(JSON.parse(told.err)).toMatchObject({ code: 'ERR_CONFIGURATION_ORIGIN' });
  });
});
