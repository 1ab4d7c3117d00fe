/** `anchorhold image config`: one file with everything that the worker will read, or a refusal that names what is missing. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { writeManifest } from '../../src/enclave/function-manifest.ts';
import { bundleSize, parseConfigBundle } from '../../src/enclave/image/config-bundle.ts';
import { memoryIo } from './memory-io.ts';

const top = mkdtempSync(join(tmpdir(), 'anchorhold-image-config-'));
afterAll(() => rmSync(top, { recursive: true }));
const folder = join(top, 'site');
const OUT = join(top, 'worker.config');
const WASM = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const KEYS = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}';
const CONFIG = {
  anchorhold: 'anchorhold-worker/1',
  listen: { host: '0.0.0.0', port: 8443 },
  policies: ['owner.yaml'],
  functions: { f: 'f/manifest.json' },
  endorsements: [],
  deadlineMs: 10_000,
  egress: { names: {}, roots: 'system' },
};
const manifest = writeManifest({
  entry: 'main.wasm',
  type: 'text/plain',
  files: { 'main.wasm': formatDigest(sha256(WASM)), 'data.txt': formatDigest(sha256(WASM)) },
});
const POLICY = `anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { f: "${formatDigest(sha256(Buffer.from(manifest)))}" }
callers:
  portal: { token: { issuer: https://login.example, audience: risk, claims: { role: clinician }, jwks: ./keys.json } }
queries: []
`;

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(OUT, { force: true });
  mkdirSync(join(folder, 'f'), { recursive: true });
  const files = { 'owner.yaml': POLICY, 'keys.json': KEYS, 'f/manifest.json': manifest, 'unrelated.txt': 'x' };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  for (const name of ['f/main.wasm', 'f/data.txt']) writeFileSync(join(folder, name), WASM);
  writeFileSync(join(folder, 'worker.json'), JSON.stringify(CONFIG));
});

async function config(...more: string[]) {
  const io = memoryIo({ cwd: top });
  const exit = await main(['image', 'config', 'site/worker.json', '--out', 'worker.config', ...more], io);
  return { exit, out: io.out(), err: io.err() };
}

describe('image config', () => {
  it('writes every file that the worker will read, and prints the digest', async () => {
    const { exit, out, err } = await config();
    expect([exit, err]).toEqual([0, '']);
    const written = Uint8Array.from(readFileSync(OUT));
    expect(written.length % 512).toBe(0);
    const bundle = written.subarray(0, bundleSize(written));
    expect(out).toBe(`${formatDigest(sha256(bundle))}\n`);
    const files = parseConfigBundle(bundle);
    expect([...files.keys()].sort()).toEqual([
      'f/data.txt',
      'f/main.wasm',
      'f/manifest.json',
      'keys.json',
      'owner.yaml',
      'worker.json',
    ]);
    expect(files.get('keys.json')).toEqual(Uint8Array.from(Buffer.from(KEYS)));
  });

  it('says the same for machines, and is the same from another folder', async () => {
    const first = JSON.parse((await config('--json')).out) as { digest: string; files: string[] };
    expect(first.files).toContain('keys.json');
    const io = memoryIo({ cwd: folder });
    expect(await main(['image', 'config', 'worker.json', '--out', OUT, '--json'], io)).toBe(0);
    expect(JSON.parse(io.out())).toEqual(first);
  });

  it.each([
    ['a policy', 'owner.yaml', 'ERR_CONFIGURATION_FILE'],
    ['what a policy refers to', 'keys.json', 'ERR_POLICY_REFERENCE'],
    ['a file of a function', 'f/data.txt', 'ERR_CONFIGURATION_FILE'],
  ])('names %s that is missing, and writes nothing', async (_, name, code) => {
    rmSync(join(folder, name));
    const { exit, out, err } = await config('--json');
    expect([exit === 0, out, existsSync(OUT)]).toEqual([false, '', false]);
    expect(err).toContain(code);
    expect(err).toContain(name);
  });

  it.each([
    ['a port that nobody can reach', { listen: { host: '0.0.0.0', port: 443 } }],
    ['a store', { store: { folder: 'store', keySource: { kind: 'simulated-file', file: 'key' } } }],
    ['a file outside of its folder', { functions: { f: '../f.wasm' } }],
  ])('refuses %s', async (_, change) => {
    writeFileSync(join(top, 'f.wasm'), WASM);
    writeFileSync(join(folder, 'worker.json'), JSON.stringify({ ...CONFIG, ...change }));
    const { exit, err } = await config('--json');
    expect([exit, existsSync(OUT)]).toEqual([2, false]);
    expect(err).toContain('ERR_CONFIGURATION_FILE');
  });

  it('wants to know where to write', async () => {
    const io = memoryIo({ cwd: top });
    expect(await main(['image', 'config', 'site/worker.json'], io)).toBe(2);
    expect(io.err()).toContain('--out');
  });
});
