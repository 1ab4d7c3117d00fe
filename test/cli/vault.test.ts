/** `anchorhold data` and `anchorhold secret`: what they send, what they say of where it is kept, and what they refuse to do. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatTrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { importSigningKey } from '../../src/base/ed25519.ts';
import { main } from '../../src/cli/main.ts';
import { openFileKey } from '../../src/enclave/keys/file-key.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { parsePolicy, policyText } from '../e2e/owner.ts';
import { bootTestWorker, type TestWorker } from '../e2e/worker.ts';
import { makeKeyPem } from '../policy/signing/keys.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-vault-'));
const SECTIONS = `machine: { products: [Genoa], tcb: any, smt: any, images: ["${encodeHex(SIMULATED_MEASUREMENT)}"] }
data: { patients: { mount: /data/patients.csv, max: 1 KiB } }
secrets: [lookup-token]`;
const pems = { first: makeKeyPem(), second: makeKeyPem(), stranger: makeKeyPem() };
let worker: TestWorker;

beforeAll(async () => {
  const keys = await Promise.all([pems.first, pems.second].map(importSigningKey));
  const shown = parsePolicy(policyText({ keys, needed: 2, sections: SECTIONS }));
  const hidden = parsePolicy(policyText({ owner: 'hospital-b', sections: 'explain: nobody' }));
  worker = await bootTestWorker({
    policies: [shown, hidden],
    store: { folder: join(folder, 'store'), keySource: openFileKey(join(folder, 'storage.key')) },
  });
  for (const [name, pem] of Object.entries(pems)) writeFileSync(join(folder, `${name}.key`), pem);
  writeFileSync(join(folder, 'anchorhold.trust.json'), formatTrustFile(worker.trust));
  const other = {
    ...worker.trust,
    isolation: { ...worker.trust.isolation, lockdown: { ...worker.trust.isolation.lockdown, keys: 'kms' } },
  };
  writeFileSync(join(folder, 'other.json'), formatTrustFile(other));
  writeFileSync(join(folder, 'patients.csv'), 'Ada,36\n');
  writeFileSync(join(folder, 'large.csv'), Buffer.alloc(1025));
  writeFileSync(join(folder, 'token'), 'Bearer 0123456789\n');
});
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function run(args: readonly string[], stdin = '') {
  const io = memoryIo({ cwd: folder, stdin });
  const exit = await main([...args], io);
  return { exit, out: io.out(), err: io.err() };
}

const KEYS = ['--owner', 'hospital-a', '--key', 'first.key', '--key', 'second.key'];
const put = (...args: string[]) => run(['data', 'put', worker.url, 'patients.csv', ...args]);

describe('the commands of owners', () => {
  it('load data and secrets, say that the key is SIMULATED, list them, and take them back', async () => {
    const data = await put('--as', 'patients', '--out', 'notice.json', ...KEYS);
    expect(JSON.parse(readFileSync(join(folder, 'notice.json'), 'utf8'))).toMatchObject({ notice: { kind: 'data' } });
    expect(data.exit).toBe(0);
    expect(data.out).toMatch(/^SIMULATED: .*\npatients of hospital-a is loaded, 7 bytes; .*simulated-file.*SIMULATED/);
    const secret = await run(['secret', 'put', worker.url, 'lookup-token', '--file', 'token', ...KEYS]);
    expect(secret).toMatchObject({ exit: 0, out: expect.stringContaining('lookup-token of hospital-a') as string });
    const listed = await run(['data', 'list', worker.url]);
    expect(listed.out.split('\n').slice(0, 3)).toEqual([
      'hospital-a data patients held',
      'hospital-a secret lookup-token held',
      'hospital-b does not show what is held',
    ]);
    for (const file of readdirSync(join(folder, 'store/files')))
      for (const word of ['Ada', '0123456789'])
        expect(readFileSync(join(folder, 'store/files', file)).includes(word)).toBe(false);
    const [forgotten, again, none] = [
      await run(['data', 'forget', worker.url, 'patients', ...KEYS]),
      await run(['secret', 'forget', worker.url, 'lookup-token', ...KEYS]),
      await run(['secret', 'forget', worker.url, 'lookup-token', ...KEYS]),
    ];
    expect([forgotten, again, none].map(({ out }) => out.slice(out.indexOf('\n') + 1))).toEqual([
      'patients of hospital-a is forgotten\n',
      'lookup-token of hospital-a is forgotten\n',
      'lookup-token of hospital-a was not in the worker\n',
    ]);
    expect(readdirSync(join(folder, 'store/files'))).toEqual([]);
  });

  it('give notice and storage as JSON, and a secret from standard input in nothing that they say', async () => {
    const { exit, out, err } = await run(
      ['secret', 'put', worker.url, 'lookup-token', '--json', ...KEYS],
      'Bearer abcdefgh\r\n',
    );
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      simulated: true,
      storage: 'sealed',
      keys: 'simulated-file',
      notice: { kind: 'secret', owner: 'hospital-a', name: 'lookup-token' },
    });
    expect(out + err).not.toContain('abcdefgh');
    const listed = JSON.parse((await run(['data', 'list', worker.url, '--json'])).out) as object;
    expect(listed).toMatchObject({
      owners: {
        'hospital-a': { data: { patients: 'missing' }, secrets: { 'lookup-token': 'held' } },
        'hospital-b': null,
      },
    });
  });

  it.each<[string, number, string, () => Promise<{ exit: number; err: string }>]>([
    ['too few keys', 21, 'ERR_POLICY_SIGNATURE', () => put('--as', 'patients', ...KEYS.slice(0, 4), '--json')],
    ['no keys', 2, 'ERR_CONFIGURATION_USAGE', () => put('--as', 'patients', '--json')],
    [
      'keys of others',
      21,
      'ERR_POLICY_SIGNATURE',
      () => put('--as', 'patients', ...KEYS.slice(0, 4), '--key', 'stranger.key', '--json'),
    ],
    ['no name', 2, 'ERR_CONFIGURATION_USAGE', () => put(...KEYS, '--json')],
    [
      'a name that the policy does not have',
      21,
      'ERR_POLICY_DENIED_UPLOAD',
      () => put('--as', 'rows', ...KEYS, '--json'),
    ],
    [
      'no owner where there are several',
      2,
      'ERR_CONFIGURATION_USAGE',
      () => put('--as', 'patients', ...KEYS.slice(2), '--json'),
    ],
    [
      'an owner whom the worker does not know',
      40,
      'ERR_SECRET_SEAL',
      () => put('--as', 'patients', '--owner', 'hospital-c', ...KEYS.slice(2), '--json'),
    ],
    [
      'data over the size that the policy allows',
      21,
      'ERR_POLICY_DENIED_UPLOAD',
      () => run(['data', 'put', worker.url, 'large.csv', '--as', 'patients', ...KEYS, '--json']),
    ],
    [
      'a secret that is too short',
      21,
      'ERR_POLICY_DENIED_UPLOAD',
      () => run(['secret', 'put', worker.url, 'lookup-token', ...KEYS, '--json'], 'short\n'),
    ],
    [
      'a worker that keeps things otherwise than the trust file demands',
      12,
      'ERR_NOT_ISOLATED_LOCKDOWN',
      () => put('--as', 'patients', ...KEYS, '--trust', 'other.json', '--json'),
    ],
  ])('refuse %s', async (_, exit, code, act) => {
    const told = await act();
    expect([told.exit, (JSON.parse(told.err) as { code: string }).code]).toEqual([exit, code]);
    const listed = JSON.parse((await run(['data', 'list', worker.url, '--json'])).out) as object;
    expect(listed).toMatchObject({ owners: { 'hospital-a': { data: { patients: 'missing' } } } });
  });
});
