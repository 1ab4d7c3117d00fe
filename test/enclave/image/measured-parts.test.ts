/** The worker of the image takes the one configuration that is measured: any other byte, and nothing of it is read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { type Cbor, encodeCbor } from '../../../src/base/cbor.ts';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import {
  bundleSize,
  encodeConfigBundle,
  isBundleName,
  parseConfigBundle,
} from '../../../src/enclave/image/config-bundle.ts';
import { parseConfigDemand } from '../../../src/enclave/image/config-demand.ts';
import { readConfigDisk } from '../../../src/enclave/image/config-disk.ts';
import { loadMeasuredParts } from '../../../src/enclave/image/measured-parts.ts';
import { simulatedDevice } from '../../../src/testing/index.ts';
import { functions, sharedAmd } from '../../e2e/worker.ts';

const REFUSED = { code: 'ERR_CONFIGURATION_FILE' };
const amd = await sharedAmd();
const upper = functions.get('upper') ?? new Uint8Array(0);
const POLICY = `anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { upper: "${formatDigest(sha256(upper))}" }
queries: []
`;
const CONFIG = {
  anchorhold: 'anchorhold-worker/1',
  listen: { host: '0.0.0.0', port: 8443 },
  policies: ['policies/hospital-a.yaml'],
  functions: { upper: './upper.wasm' },
  endorsements: [],
  deadlineMs: 10_000,
  egress: { names: {}, roots: 'system' },
};

function bundleOf(config: object = CONFIG): Uint8Array<ArrayBuffer> {
  return encodeConfigBundle(
    new Map([
      ['worker.json', encodeUtf8(JSON.stringify(config))],
      ['policies/hospital-a.yaml', encodeUtf8(POLICY)],
      ['upper.wasm', upper],
    ]),
  );
}

const onCommandLine = (bundle: Uint8Array): string =>
  `quiet anchorhold.config=${formatDigest(sha256(bundle))} panic=1\n`;

async function load(bundle: Uint8Array, commandLine: string, hostData: Uint8Array = new Uint8Array(32)) {
  return await loadMeasuredParts({
    commandLine,
    readBundle: async () => bundle,
    device: await simulatedDevice(amd, { hostData }),
  });
}

describe('the configuration of a machine of the image', () => {
  it('is the one whose digest stands on the command line', async () => {
    const bundle = bundleOf();
    const parts = await load(bundle, onCommandLine(bundle));
    expect(parts.policies.map(({ owner }) => owner)).toEqual(['hospital-a']);
    expect(parts.functions.get('upper')?.bytes).toEqual(upper);
    expect(parts).toMatchObject({ listen: CONFIG.listen, store: 'memory', deadlineMs: 10_000 });
  });

  it('is the one whose digest the host put into the report, where the command line says so', async () => {
    const bundle = bundleOf();
    const parts = await load(bundle, 'anchorhold.config=host-data', sha256(bundle));
    expect(parts.policies.length).toBe(1);
  });

  it('is no other one: not with one more byte, and not with one bit of the host data turned', async () => {
    const bundle = bundleOf();
    const hostData = sha256(bundle);
    hostData[31] = (hostData[31] ?? 0) ^ 1;
    const longer = Uint8Array.of(...bundle, 0);
    await expect(load(longer, onCommandLine(bundle))).rejects.toMatchObject(REFUSED);
    await expect(load(bundle, 'anchorhold.config=host-data', hostData)).rejects.toMatchObject(REFUSED);
  });

  it('is refused before anything of it is parsed', async () => {
    const garbage = encodeUtf8('no bundle at all');
    const error = await load(garbage, onCommandLine(bundleOf())).catch((e: unknown) => e);
    expect(error).toMatchObject({ ...REFUSED, message: expect.stringContaining('the command line names another one') });
  });

  it('needs a digest: without one on the command line the disk is not even read', async () => {
    let reads = 0;
    const device = await simulatedDevice(amd);
    const readBundle = async (): Promise<Uint8Array> => {
      reads += 1;
      return bundleOf();
    };
    const opening = loadMeasuredParts({ commandLine: 'quiet', readBundle, device });
    await expect(opening).rejects.toMatchObject(REFUSED);
    expect([reads, device.calls]).toEqual([0, 0]);
  });

  it.each([
    ['another port', { ...CONFIG, listen: { host: '0.0.0.0', port: 8444 } }],
    ['one address', { ...CONFIG, listen: { host: '10.0.0.1', port: 8443 } }],
    [
      'a store',
      { ...CONFIG, store: { folder: '/var/lib/a', keySource: { kind: 'simulated-file', file: '/var/lib/key' } } },
    ],
    ['a file that is not in it', { ...CONFIG, policies: ['other.yaml'] }],
    ['a file above it', { ...CONFIG, functions: { upper: '../upper.wasm' } }],
    ['a file of the machine', { ...CONFIG, functions: { upper: '/bin/node' } }],
  ])('may not name %s', async (_, config) => {
    const bundle = bundleOf(config);
    await expect(load(bundle, onCommandLine(bundle))).rejects.toMatchObject(REFUSED);
  });
});

describe('the demand on the command line', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;

  it('is a digest, or the host data', () => {
    expect(parseConfigDemand(`a=b anchorhold.config=${digest}\n`)).toEqual({ digest: new Uint8Array(32).fill(0xab) });
    expect(parseConfigDemand('anchorhold.config=host-data')).toBe('host-data');
  });

  it.each([
    '',
    'anchorhold.config',
    'anchorhold.config=',
    'anchorhold.config=any',
    'anchorhold.config=sha256:ab',
    'xanchorhold.config=host-data',
    `anchorhold.config=${digest.toUpperCase()}`,
    `anchorhold.config=${digest} anchorhold.config=host-data`,
    `anchorhold.config=${digest} anchorhold.config=${digest}`,
  ])('is nothing else: "%s"', (commandLine) => {
    expect(() => parseConfigDemand(commandLine)).toThrowError(expect.objectContaining(REFUSED));
  });
});

describe('a bundle', () => {
  const files = new Map([
    ['worker.json', encodeUtf8('{}')],
    ['functions/a/b.wasm', Uint8Array.of(1, 2, 3)],
  ]);
  /** A bundle with this content. */
  function around(content: Uint8Array, length = content.length): Uint8Array<ArrayBuffer> {
    const bundle = new Uint8Array(16 + content.length);
    bundle.set(encodeUtf8('AHCONFIG'));
    new DataView(bundle.buffer).setBigUint64(8, BigInt(length));
    bundle.set(content, 16);
    return bundle;
  }
  const holding = (value: Cbor): Uint8Array<ArrayBuffer> => around(encodeCbor(value));

  it('gives its files back, and is the same whatever order they came in', () => {
    const bundle = encodeConfigBundle(files);
    expect(parseConfigBundle(bundle)).toEqual(files);
    expect(bundleSize(bundle.subarray(0, 16))).toBe(bundle.length);
    expect(encodeConfigBundle(new Map([...files].reverse()))).toEqual(bundle);
    expect(holding({ anchorhold: 'config/1', files: Object.fromEntries(files) })).toEqual(bundle);
  });

  it.each([
    ['is empty', new Uint8Array(0)],
    ['ends in its head', encodeConfigBundle(files).subarray(0, 15)],
    ['has another magic', Uint8Array.of(0x61, ...encodeConfigBundle(files).subarray(1))],
    ['is cut', encodeConfigBundle(files).subarray(0, -1)],
    ['has something behind it', Uint8Array.of(...encodeConfigBundle(files), 0)],
    ['says a length over the cap', around(new Uint8Array(1), LIMITS.configBundleBytes)],
    ['is not CBOR', around(encodeUtf8('hello'))],
    ['is another format', holding({ anchorhold: 'config/2', files: {} })],
    ['holds more than files', holding({ anchorhold: 'config/1', files: {}, more: 1 })],
    ['holds no files', holding({ anchorhold: 'config/1', files: [] })],
    ['holds a text', holding({ anchorhold: 'config/1', files: { a: 'b' } })],
    ['holds a name that leads out', holding({ anchorhold: 'config/1', files: { '../a': new Uint8Array(1) } })],
  ])('is refused when it %s', (_, bundle) => {
    expect(() => parseConfigBundle(bundle)).toThrowError(expect.objectContaining(REFUSED));
  });

  it('has names below one folder, and no others', () => {
    const longest = 'a'.repeat(LIMITS.configNameBytes);
    expect(['a', 'a/b', '.a', '...', 'ä/b c', longest].filter((name) => !isBundleName(name))).toEqual([]);
    const wrong = ['', '/a', 'a/', 'a//b', '.', '..', './a', 'a/..', 'a/../b', 'a\0', `${longest}a`];
    expect(wrong.filter((name) => isBundleName(name))).toEqual([]);
    expect(() => encodeConfigBundle(new Map([['../a', new Uint8Array(1)]]))).toThrowError(
      expect.objectContaining(REFUSED),
    );
  });
});

describe('the disk with the configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-disk-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const disk = join(folder, 'disk');
  const bundle = bundleOf();

  it('is read as far as the bundle reaches', async () => {
    writeFileSync(disk, Buffer.concat([bundle, new Uint8Array(700).fill(7)]));
    expect(await readConfigDisk(disk)).toEqual(bundle);
  });

  it.each([
    ['is not there', null],
    ['is empty', new Uint8Array(0)],
    ['ends before the bundle does', bundle.subarray(0, -1)],
    ['holds something else', new Uint8Array(4096)],
    [
      'says that its bundle is larger than any',
      Uint8Array.of(...bundle.subarray(0, 8), ...new Uint8Array(8).fill(255)),
    ],
  ])('is refused when it %s', async (_, bytes) => {
    rmSync(disk, { force: true });
    if (bytes !== null) writeFileSync(disk, bytes);
    await expect(readConfigDisk(disk)).rejects.toMatchObject(REFUSED);
  });
});
