/** The owner's path on the command line: make a key, sign, check, push, withdraw; and what each step refuses. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import type { CliCommand } from '../../src/cli/command.ts';
import { ownerNew } from '../../src/cli/owner-new.ts';
import { policyCheck } from '../../src/cli/policy.ts';
import { policyEffectiveCommand } from '../../src/cli/policy-effective.ts';
import { policyPushCommand } from '../../src/cli/policy-push.ts';
import { policyRevokeCommand } from '../../src/cli/policy-revoke.ts';
import { policySignCommand } from '../../src/cli/policy-sign.ts';
import { EnclaveError } from '../../src/errors.ts';
import { anyPolicies, listed, parsePolicy } from '../e2e/owner.ts';
import { bootTestWorker, type TestWorker } from '../e2e/worker.ts';
import { memoryIo } from './memory-io.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Ran {
  /** The exit code, or the code of the error. */
  readonly exit: number | string;
  readonly out: string;
}

async function run(
  command: CliCommand,
  positionals: readonly string[],
  options: Readonly<Record<string, string | readonly string[]>> = {},
  switches: readonly string[] = [],
): Promise<Ran> {
  const io = memoryIo({ cwd: folder });
  const values = new Map(Object.entries(options).map(([name, value]) => [name, [value].flat()]));
  try {
    const exit = await command.run({ positionals, values, switches: new Set(switches) }, io);
    return { exit, out: io.out() };
  } catch (error) {
    if (!(error instanceof EnclaveError)) throw error;
    return { exit: error.code, out: io.out() };
  }
}

const check = async (file: string): Promise<string> => {
  const io = memoryIo({ cwd: folder });
  await policyCheck({ file, json: false }, io);
  return io.out();
};

/** Makes a key with the command and gives its public half. */
async function makeKey(name: string): Promise<string> {
  const { out } = await run(ownerNew, [name], {}, ['json']);
  return (JSON.parse(out) as { key: string }).key;
}

function writePolicy(name: string, version: number, keys: readonly string[], needed = 2): void {
  const lines = [
    'anchorhold: owner-policy/1',
    'owner: hospital-a',
    `version: ${version}`,
    'valid: { from: 2020-01-01, until: 2099-01-01 }',
    `functions: { upper: "${listed('upper')}" }`,
    `changes: { keys: ${JSON.stringify(keys)}, needed: ${needed} }`,
  ];
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
}

describe('owner new', () => {
  it('makes a key for its owner alone, and never writes over one', async () => {
    const { exit, out } = await run(ownerNew, ['first']);
    expect(exit).toBe(0);
    expect(out).toMatch(/keys: \[ed25519:MCow[A-Za-z0-9+/]+=\]/);
    const path = join(folder, 'first.owner.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const before = readFileSync(path, 'utf8');
    expect(before).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect((await run(ownerNew, ['first'])).exit).toBe('ERR_CONFIGURATION_FILE');
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect((await run(ownerNew, ['../first'])).exit).toBe('ERR_CONFIGURATION_USAGE');
  });

  it('encrypts it under a passphrase, without which it signs nothing', async () => {
    writeFileSync(join(folder, 'pass'), 'correct horse\n');
    writeFileSync(join(folder, 'wrong'), 'battery staple\n');
    writeFileSync(join(folder, 'short'), 'short\n');
    const { out } = await run(ownerNew, ['kept'], { 'passphrase-file': 'pass', out: 'keys' }, ['json']);
    const { key } = JSON.parse(out) as { key: string };
    expect(readFileSync(join(folder, 'keys/kept.owner.key'), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    writePolicy('a.yaml', 1, [key], 1);
    const sign = (more: Readonly<Record<string, string>>): Promise<Ran> =>
      run(policySignCommand, ['a.yaml'], { key: 'keys/kept.owner.key', ...more });
    expect((await sign({})).exit).toBe('ERR_SECRET_UNREADABLE');
    expect((await sign({ 'passphrase-file': 'wrong' })).exit).toBe('ERR_SECRET_UNREADABLE');
    expect((await sign({ 'passphrase-file': 'pass' })).exit).toBe(0);
    expect((await run(ownerNew, ['other'], { 'passphrase-file': 'short' })).exit).toBe('ERR_CONFIGURATION_USAGE');
  });
});

describe('policy sign', () => {
  it('adds one signature after the other, each once, and policy check names who signed', async () => {
    const keys = [await makeKey('one'), await makeKey('two'), await makeKey('three')];
    writePolicy('a.yaml', 1, keys);
    expect(await check('a.yaml')).not.toContain('.sig');
    await run(policySignCommand, ['a.yaml'], { key: 'one.owner.key' });
    await run(policySignCommand, ['a.yaml'], { key: 'one.owner.key' });
    expect(await check('a.yaml')).toContain(`signed by 1 of the 3 keys in changes (needed: 2): ${keys[0]}\n`);
    const { out } = await run(policySignCommand, ['a.yaml'], { key: ['two.owner.key'] }, ['json']);
    expect(JSON.parse(out)).toMatchObject({ version: 1, signatures: 2 });
    expect(await check('a.yaml')).toContain(
      `signed by 2 of the 3 keys in changes (needed: 2): ${keys[0]}, ${keys[1]}\n`,
    );
    writePolicy('a.yaml', 2, keys);
    expect(await check('a.yaml')).toContain('signs another policy');
    await run(policySignCommand, ['a.yaml'], { key: 'two.owner.key' });
    expect(await check('a.yaml')).toContain('signed by 1 of the 3 keys');
  });

  it('without a key is refused', async () => {
    writePolicy('a.yaml', 1, [await makeKey('one')], 1);
    expect((await run(policySignCommand, ['a.yaml'])).exit).toBe('ERR_CONFIGURATION_USAGE');
  });
});

describe('a worker', () => {
  let t: TestWorker;
  let keys: readonly string[];
  beforeEach(async () => {
    keys = [await makeKey('one'), await makeKey('two')];
    writePolicy('old.yaml', 1, keys);
    t = await bootTestWorker({
      policies: [parsePolicy(readFileSync(join(folder, 'old.yaml'), 'utf8'))],
      functions: ['upper'],
    });
    writeFileSync(join(folder, 'trust.json'), formatTrustFile(anyPolicies(t.trust)));
    writeFileSync(
      join(folder, 'strict.json'),
      formatTrustFile({ ...t.trust, isolation: { ...t.trust.isolation, policies: {} } }),
    );
    writePolicy('new.yaml', 2, keys);
  });
  afterEach(() => t[Symbol.asyncDispose]());
  const push = (
    options: Readonly<Record<string, string | readonly string[]>>,
    switches: readonly string[] = [],
  ): Promise<Ran> => run(policyPushCommand, [t.url, 'new.yaml'], { trust: 'trust.json', ...options }, switches);

  it('takes a policy that was signed in turns, and its notice is kept', async () => {
    await run(policySignCommand, ['new.yaml'], { key: 'one.owner.key' });
    expect((await push({})).exit).toBe('ERR_POLICY_SIGNATURE');
    const { exit, out } = await push({ key: 'two.owner.key', out: 'notice.json' }, ['json']);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ simulated: true, notice: { owner: 'hospital-a', after: { version: 2 } } });
    const kept = JSON.parse(readFileSync(join(folder, 'notice.json'), 'utf8')) as { notice: unknown };
    expect(kept.notice).toEqual((JSON.parse(out) as { notice: unknown }).notice);
  });

  it('is sent nothing that is wider than what is in force, where the owner says so', async () => {
    const key = ['one.owner.key', 'two.owner.key'];
    const wider = readFileSync(join(folder, 'new.yaml'), 'utf8').replace('needed: 2', 'needed: 1');
    writeFileSync(join(folder, 'new.yaml'), wider);
    expect((await push({ key, from: 'old.yaml' })).exit).toBe('ERR_POLICY_WIDER');
    writePolicy('new.yaml', 2, keys);
    expect((await push({ key, from: 'new.yaml' })).exit).toBe('ERR_POLICY_STATEMENT');
    expect(t.worker.checkpoint().size).toBe(0);
    expect((await push({ key, from: 'old.yaml' })).exit).toBe(0);
  });

  it('is sent nothing when it is not as the trust file demands', async () => {
    const before = t.worker.checkpoint().size;
    expect((await push({ trust: 'strict.json', key: ['one.owner.key', 'two.owner.key'] })).exit).toBe(
      'ERR_NOT_ISOLATED_POLICY',
    );
    expect(t.worker.checkpoint().size).toBe(before);
  });

  it('is sent no policy that nobody signed, nor signatures of another', async () => {
    expect((await push({})).exit).toBe('ERR_CONFIGURATION_USAGE');
    await run(policySignCommand, ['old.yaml'], { key: 'one.owner.key' });
    expect((await push({ sig: 'old.yaml.sig', key: 'two.owner.key' })).exit).toBe('ERR_POLICY_STATEMENT');
    expect(t.worker.checkpoint().size).toBe(0);
  });

  it('shows what its owners allow together, and files say the same', async () => {
    const effective = (positionals: readonly string[], options = {}, switches: readonly string[] = []): Promise<Ran> =>
      run(policyEffectiveCommand, positionals, options, switches);
    const shown = await effective([], { worker: t.url, trust: 'trust.json' }, ['json']);
    const read = await effective(['old.yaml'], {}, ['json']);
    const { functions } = JSON.parse(shown.out) as { functions: unknown[] };
    expect(functions).toMatchObject([{ name: 'upper', owners: ['hospital-a'] }]);
    expect((JSON.parse(read.out) as { functions: unknown }).functions).toEqual(functions);
    expect((await effective([], { worker: t.url, trust: 'trust.json' })).out).toMatch(/^SIMULATED.*\nFunction upper\n/);
    expect((await effective([], { worker: t.url, trust: 'strict.json' })).exit).toBe('ERR_NOT_ISOLATED_POLICY');
    const asked = await effective(['old.yaml'], { ask: 'POST /upper' });
    expect(asked).toEqual({
      exit: 21,
      out: expect.stringMatching(/^denied: hospital-a .*\n {2}at old\.yaml:\d+:\d+\n/) as string,
    });
    expect((await effective(['old.yaml'], { ask: 'POST /upper', as: 'x' })).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await effective([], { ask: 'POST /upper', worker: t.url })).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await effective([])).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await effective(['old.yaml'], { worker: t.url })).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await effective(['old.yaml', 'new.yaml'])).exit).toBe('ERR_CONFIGURATION_USAGE');
  });

  it('lets an owner withdraw with enough keys', async () => {
    const revoke = (key: readonly string[], owner = 'hospital-a'): Promise<Ran> =>
      run(policyRevokeCommand, [t.url, owner], { trust: 'trust.json', key });
    expect((await revoke([])).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await revoke(['one.owner.key'], 'hospital-b')).exit).toBe('ERR_POLICY_NOT_IN_FORCE');
    expect((await revoke(['one.owner.key'])).exit).toBe('ERR_POLICY_SIGNATURE');
    const { exit, out } = await revoke(['one.owner.key', 'two.owner.key']);
    expect([exit, t.worker.policies]).toEqual([0, {}]);
    expect(out).toMatch(/^SIMULATED/);
    expect(out).toMatch(/hospital-a, policy: version 1 \(sha256:[0-9a-f]{64}\) -> nothing/);
  });
});
