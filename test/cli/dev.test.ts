/** `anchorhold dev`: a worker that answers, a trust file that fits it, messages that help, and nothing left when it ends. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTrustFile } from '../../src/attestation/trust-file.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { keyCredential, SecureSession } from '../../src/index.ts';
import { functions, makeSigningKey, sharedAmd } from '../e2e/worker.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-dev-'));
const STATE = resolve(import.meta.dirname, '../../.anchorhold/simulated-amd');
const nightly = makeSigningKey();
const bytes = functions.get('upper') ?? new Uint8Array();
const digest = formatDigest(sha256(bytes));
const policy = (functionDigest: string): string => `anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { upper: "${functionDigest}" }
callers: { nightly: { key: "${nightly.text}" } }
queries: [{ allow: nightly, to: POST /upper }]
results: { max: 1 KiB, types: [application/octet-stream] }
`;

beforeAll(async () => {
  await sharedAmd();
  writeFileSync(join(folder, 'upper.wasm'), bytes);
  writeFileSync(join(folder, 'a.yaml'), policy(digest));
  writeFileSync(join(folder, 'other.yaml'), policy(`sha256:${'0'.repeat(64)}`));
  writeFileSync(join(folder, 'broken.yaml'), `${policy(digest)}querys: []\negres: []\n`);
  writeFileSync(join(folder, 'text'), 'not WebAssembly');
});
afterAll(() => rmSync(folder, { recursive: true }));

const WHOLE = ['--policy', 'a.yaml', '--function', 'upper=upper.wasm'];

/** Runs the command in this process; `meanwhile` runs while the worker is up. */
async function dev(args: readonly string[], meanwhile: () => Promise<void> = async () => undefined) {
  const io = { ...memoryIo({ cwd: folder }), untilStopped: meanwhile };
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const exit = await main(['dev', '--state', STATE, ...port, ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

describe('dev', () => {
  it('writes a trust file with which a client asks', async () => {
    let answer = '';
    const { exit, out, err } = await dev([...WHOLE, '--json', '--trust', 'whole.json'], async () => {
      await using session = new SecureSession(undefined, {
        trust: join(folder, 'whole.json'),
        credential: keyCredential(nightly),
      });
      answer = await (await session.post('/upper', 'hello')).text();
    });
    expect({ exit, err, answer }).toEqual({ exit: 0, err: '', answer: 'HELLO' });
    const trust = parseTrustFile(readFileSync(join(folder, 'whole.json'), 'utf8'));
    expect(out.endsWith('}\n')).toBe(true);
    expect(JSON.parse(out)).toEqual({
      url: trust.url,
      trust: join(folder, 'whole.json'),
      simulated: true,
      functions: { upper: digest },
      policies: trust.isolation.policies,
    });
    expect(trust.code.functions).toEqual({ upper: digest });
    expect(trust.isolation).toMatchObject({ others: 'refused', lockdown: { names: 'dns', roots: 'system' } });
  });

  it('without a policy starts, and says that nothing is allowed', async () => {
    let code: unknown = null;
    const { exit, out, err } = await dev([], async () => {
      await using session = new SecureSession(undefined, { trust: join(folder, 'anchorhold.trust.json') });
      expect((await session.attest()).verdict).toBe('accept');
      code = await session.get('/upper').catch((error: unknown) => (error as { code?: unknown }).code);
    });
    expect({ exit, err, code }).toEqual({ exit: 0, err: '', code: 'ERR_INVALID_ENCLAVE_CODE_FUNCTION' });
    expect(out).toContain('SIMULATED');
    expect(out).toContain('nothing is allowed');
  });

  it.each<[string, readonly string[], number, string]>([
    ['a function that no owner lists', ['--function', 'upper=upper.wasm'], 30, `"upper: ${digest}"`],
    ['a function of another digest', ['--policy', 'other.yaml', '--function', 'upper=upper.wasm'], 30, 'other.yaml:5'],
    ['a function that is not there', ['--policy', 'a.yaml', '--function', 'upper=none.wasm'], 2, 'does not exist'],
    ['a policy with a wrong key', ['--policy', 'broken.yaml'], 20, 'broken.yaml:9'],
    ['a policy that is not there', ['--policy', 'none.yaml'], 2, 'none.yaml does not exist'],
    ['one policy twice', ['--policy', 'a.yaml', '--policy', 'a.yaml'], 21, 'two files name this owner'],
    ['a function without a file', ['--function', 'upper'], 2, 'write NAME=VALUE'],
    ['a function of a wrong name', ['--function', 'Upper=upper.wasm'], 2, 'lower-case letters'],
    ['a function twice', [...WHOLE, '--function', 'upper=upper.wasm'], 2, 'upper is there twice'],
    ['a fixed name without an address', ['--name', 'api.example.com=here'], 2, 'not an IP address'],
    ['roots that are none', ['--egress-root', 'text'], 2, 'certificates in PEM'],
    ['a port that is none', ['--port', '70000'], 2, 'a number from 0 to 65535'],
    ['a trust file that cannot be written', ['--trust', 'none/trust.json'], 2, 'trust.json cannot be written'],
    ['a state folder that cannot be made', ['--state', 'text/in/it'], 2, 'cannot be written'],
  ])('refuses %s, and says what to do', async (_name, args, exit, message) => {
    const told = await dev(args, () => Promise.reject(new Error('it must not start')));
    expect(told).toMatchObject({ exit, out: '' });
    expect(told.err).toContain(message);
    expect(told.err).toMatch(/^(?:broken\.yaml:.*\n(?: .*\n)+)*anchorhold: .*\n(?:.*\n)*hint: .*\n$/);
  });

  it('shows everything that is wrong in a policy, in the file, and to machines', async () => {
    const { err } = await dev(['--policy', 'broken.yaml']);
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^broken\.yaml:9:1: .*did you mean "queries"\?$/),
      '  9 | querys: []',
      '    | ^',
      expect.stringMatching(/^broken\.yaml:10:1: .*did you mean "egress"\?$/),
      '  10 | egres: []',
      '     | ^',
      'anchorhold: broken.yaml cannot be used: 2 problems',
      expect.stringMatching(/^hint: /),
      '',
    ]);
    const machine = JSON.parse((await dev(['--policy', 'broken.yaml', '--json'])).err) as { problems: unknown };
    expect(machine.problems).toMatchObject([
      { code: 'ERR_POLICY_UNKNOWN_KEY', file: 'broken.yaml', line: 9, column: 1 },
      { code: 'ERR_POLICY_UNKNOWN_KEY', file: 'broken.yaml', line: 10, column: 1 },
    ]);
  });

  it('refuses a function that is no component', async () => {
    const text = formatDigest(sha256(Buffer.from('not WebAssembly')));
    writeFileSync(join(folder, 'text.yaml'), policy(text));
    const told = await dev(['--policy', 'text.yaml', '--function', 'upper=text', '--json']);
    expect(told.exit).toBe(30);
    expect(JSON.parse(told.err)).toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
  });

  it('refuses a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = String((server.address() as AddressInfo).port);
    const told = await dev(['--port', port, '--json']);
    server.close();
    expect(told.exit).toBe(2);
    expect(JSON.parse(told.err)).toMatchObject({
      code: 'ERR_CONFIGURATION_USAGE',
      message: expect.stringContaining(port) as string,
    });
  });
});

describe('the process of dev', () => {
  const isJson = (line: string): boolean => typeof JSON.parse(line) === 'object';
  it.each([
    ['SIGTERM', 'nothing', []],
    ['SIGINT', 'its log as JSON lines', ['--log']],
  ] as const)('ends on %s within a second, leaves no process behind, and has written %s', async (signal, _log, log) => {
    const program = resolve(import.meta.dirname, '../../src/cli/main.ts');
    const trust = join(folder, `${signal}.json`);
    const args = [program, 'dev', '--state', STATE, '--port', '0', '--json', '--trust', trust, ...WHOLE, ...log];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    await using session = new SecureSession(undefined, { trust, credential: keyCredential(nightly) });
    // A connection that stays open must not hold it back.
    expect((await session.post('/upper', 'x')).status).toBe(200);
    const listed = execFileSync('ps', ['--ppid', String(child.pid), '-o', 'pid='], { encoding: 'utf8' });
    const processes = listed.trim().split(/\s+/).map(Number);
    const ended = once(child, 'exit');
    const from = performance.now();
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - from).toBeLessThan(1000);
    expect(JSON.parse(line)).toMatchObject({ simulated: true });
    const lines = err.split('\n').slice(0, -1);
    expect([lines.length > 0, lines.every(isJson)]).toEqual([log.length > 0, true]);
    // The function's, and the spare one of a function in use.
    expect([1, 2]).toContain(processes.length);
    for (const pid of processes)
      expect(() => process.kill(pid, 0)).toThrow(expect.objectContaining({ code: 'ESRCH' }) as Error);
  });
});
