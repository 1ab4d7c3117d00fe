import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { kernelPackage } from '../../src/image/kernel.ts';
import { parseImageLock, writeImageLock } from '../../src/image/lock.ts';
import { BUNDLER_PACKAGE, NODE_PACKAGE } from '../../src/image/npm-lock.ts';
import { PACKAGE_FOLDER } from '../../src/image/package-folder.ts';
import { codeOf } from './codes.ts';

type Json = Record<string, unknown>;

const read = (path: string): string => readFileSync(join(PACKAGE_FOLDER, path), 'utf8');
const COMMITTED = read('images/image.lock.json');
const committed = parseImageLock(COMMITTED);

const HEX = 'a'.repeat(64);
const DEB = {
  name: 'nft',
  version: '1:1.1-1',
  suite: 'trixie',
  file: 'pool/n.deb',
  sha256: HEX,
  contents: HEX,
  group: 'image',
  files: ['usr/sbin/nft', 'usr/lib/'],
};
const NPM = {
  name: '@a/b',
  version: '1.0.0',
  integrity: `sha512-${'A'.repeat(86)}==`,
  contents: HEX,
  files: ['package/'],
};
const LOCK = {
  anchorhold: 'image-lock/1',
  snapshot: '20261129T000000Z',
  packages: [DEB],
  npm: [NPM],
  modules: ['sev-guest'],
};

const parse = async (value: unknown): Promise<unknown> =>
  await codeOf(() => writeImageLock(parseImageLock(JSON.stringify(value))) !== '');

describe('the lock in images/', () => {
  it('is in the form that relock writes', () => {
    expect(writeImageLock(committed)).toBe(COMMITTED);
  });

  it('has a kernel, a firmware and a stub, one each', () => {
    expect(kernelPackage(committed).name).toMatch(/^linux-image-6\.12\..*-cloud-amd64$/);
    for (const group of ['firmware', 'stub']) {
      expect(committed.packages.filter((p) => p.group === group).map(({ files }) => files.length)).toEqual([1]);
    }
  });

  it('has no package twice', () => {
    const names = [...committed.packages, ...committed.npm].map(({ name }) => name);
    expect(names.length).toBeGreaterThan(50);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has the versions of npm that the project is tested with, by the same digests', () => {
    const own = JSON.parse(read('package-lock.json')) as { packages: Record<string, Json> };
    const toolchain = JSON.parse(read('toolchain/package-lock.json')) as { packages: Record<string, Json> };
    for (const { name, version, integrity } of committed.npm) {
      const lock = name === NODE_PACKAGE ? toolchain : own;
      expect(lock.packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
    }
    const forDevelopers = committed.npm.filter(({ name }) => own.packages[`node_modules/${name}`]?.['dev'] === true);
    expect(forDevelopers.map(({ name }) => name)).toEqual([BUNDLER_PACKAGE]);
  });
});

describe('a lock', () => {
  it('is read back as it was written', async () => {
    expect(await parse(LOCK)).toBe(true);
    expect(JSON.parse(writeImageLock(parseImageLock(JSON.stringify(LOCK))))).toEqual(LOCK);
  });

  it.each<[string, Json]>([
    ['another form', { anchorhold: 'image-lock/2' }],
    ['no instant', { snapshot: 'today' }],
    ['a field that is not known', { extra: 1 }],
    ['packages that are no list', { packages: {} }],
    ['a module that is a path', { modules: ['../x'] }],
    ['too many modules', { modules: Array.from({ length: LIMITS.imageEntries + 1 }, () => 'x') }],
  ])('is refused with %s', async (_, change) => {
    expect(await parse({ ...LOCK, ...change })).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it.each<[string, Json]>([
    ['a name that is an option', { name: '-x' }],
    ['a version with a space', { version: '1 2' }],
    ['a suite that is a path', { suite: '../x' }],
    ['a file that leads out of the mirror', { file: '../x.deb' }],
    ['a digest in capitals', { sha256: 'A'.repeat(64) }],
    ['a digest that is short', { contents: 'aa' }],
    ['no digest', { sha256: undefined }],
    ['a group that is not known', { group: 'other' }],
    ['a file that leads out of the package', { files: ['usr/../../x'] }],
    ['an absolute file', { files: ['/usr/x'] }],
  ])('is refused when a package has %s', async (_, change) => {
    expect(await parse({ ...LOCK, packages: [{ ...DEB, ...change }] })).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it.each<[string, Json]>([
    ['another kind of digest', { integrity: `sha1-${'A'.repeat(86)}==` }],
    ['a digest that is short', { integrity: 'sha512-AAAA' }],
    ['a name that is an option', { name: '--x' }],
  ])('is refused when a package of npm has %s', async (_, change) => {
    expect(await parse({ ...LOCK, npm: [{ ...NPM, ...change }] })).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it('is refused when it is no JSON, or has a key twice', async () => {
    expect(await codeOf(() => parseImageLock('{'))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(await codeOf(() => parseImageLock(`{"npm":[],${JSON.stringify(LOCK).slice(1)}`))).toBe(
      'ERR_CONFIGURATION_IMAGE',
    );
  });
});
