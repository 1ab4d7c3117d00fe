/** A lock that is made anew from a mirror: what is moved to a newer version, what is kept, and which indexes are refused. */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { DEBIAN_KEYRING } from '../../src/image/debian-index.ts';
import type { ImageLock, LockedPackage } from '../../src/image/lock.ts';
import { openMirror } from '../../src/image/mirror.ts';
import { openPackageCache } from '../../src/image/package-cache.ts';
import { type Relocked, type RelockOptions, relock } from '../../src/image/relock.ts';
import { skipUnless } from '../skips.ts';
import { codeOf } from './codes.ts';
import { type FakeMirror, makeDeb, startMirror } from './packages.ts';

const hasXz = ((): boolean => {
  try {
    execFileSync('xz', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const itWithXz = skipUnless(hasXz, 'xz is not on this machine, and an index is packed with it');
const itWithKeys = skipUnless(hasXz && existsSync(DEBIAN_KEYRING), 'there is no xz, or no keyring of Debian');

const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');
const NOW = new Date('2026-11-29T12:00:00Z');

let folder: string;
let mirror: FakeMirror;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-relock-'));
  mirror = await startMirror();
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await mirror.close();
});

interface Published {
  readonly name: string;
  readonly version: string;
  readonly deb: Uint8Array;
}

const fileOf = ({ name, version }: Published): string => `pool/${name}_${version}.deb`;

/** Puts packages and their index into a suite of the mirror. */
function publish(suite: string, packages: readonly Published[]): void {
  const prefix = suite.endsWith('-security') ? '/debian-security/' : '';
  const stanzas = packages.map((p) => {
    mirror.files.set(`${prefix}${fileOf(p)}`, p.deb);
    return `Package: ${p.name}\nVersion: ${p.version}\nFilename: ${fileOf(p)}\nSHA256: ${sha256(p.deb)}\n`;
  });
  const index = execFileSync('xz', ['-c'], { input: stanzas.join('\n') });
  const path = 'main/binary-amd64/Packages.xz';
  mirror.files.set(`${prefix}dists/${suite}/${path}`, index);
  const release = `Suite: ${suite}\nSHA256:\n ${sha256(index)} ${index.length} ${path}\n`;
  mirror.files.set(`${prefix}dists/${suite}/InRelease`, encodeUtf8(release));
}

const tool = (version: string): Published => ({
  name: 'tool',
  version,
  deb: makeDeb([{ name: './usr/bin/tool', content: version }]),
});

/** A module that says what it depends on, as the kernel's do, packed with xz. */
const packedModule = (depends: string): Uint8Array =>
  execFileSync('xz', ['-c'], { input: `\0license=GPL\0depends=${depends}\0` });

const kernel = (release: string): Published => ({
  name: `linux-image-${release}-cloud-amd64`,
  version: `${release.replace('+deb13', '')}-1`,
  deb: makeDeb([
    { name: `./boot/vmlinuz-${release}-cloud-amd64`, content: release },
    { name: `./usr/lib/modules/${release}/a-net.ko.xz`, content: packedModule('b_core') },
    { name: `./usr/lib/modules/${release}/b-core.ko.xz`, content: packedModule('') },
  ]),
});

const locked = (p: Published, files: readonly string[], group: LockedPackage['group']): LockedPackage => ({
  name: p.name,
  version: p.version,
  suite: 'trixie',
  file: fileOf(p),
  sha256: sha256(p.deb),
  contents: '0'.repeat(64),
  group,
  files,
});

const LOCK: ImageLock = {
  snapshot: '20260101T000000Z',
  packages: [locked(tool('1.0'), ['usr/bin/tool'], 'image')],
  npm: [],
  modules: [],
};

const run = async (lock = LOCK, change: Partial<RelockOptions> = {}): Promise<Relocked> =>
  await relock({
    lock,
    npm: [],
    keepVersions: false,
    keyring: join(folder, 'no-keyring'),
    now: NOW,
    cache: openPackageCache(folder),
    mirror: openMirror(mirror.url),
    progress: () => undefined,
    ...change,
  });

describe('relock', () => {
  itWithXz('moves to the newest version, wherever it is, and says how suites were checked', async () => {
    publish('trixie', [tool('1.0'), tool('1.9'), tool('1.10')]);
    publish('trixie-security', [tool('1.2')]);
    const { lock, signatures } = await run();
    expect(lock.packages).toMatchObject([{ version: '1.10', suite: 'trixie', sha256: sha256(tool('1.10').deb) }]);
    expect(lock.packages[0]?.contents).toMatch(/^(?!0{64})[0-9a-f]{64}$/);
    expect(lock.snapshot).toBe('20261129T120000Z');
    expect([...signatures]).toEqual([
      ['trixie', 'unchecked'],
      ['trixie-security', 'unchecked'],
    ]);
    publish('trixie-security', [tool('1.11')]);
    expect((await run()).lock.packages).toMatchObject([{ version: '1.11', suite: 'trixie-security' }]);
  });

  itWithXz('moves a kernel to another name, its files with it, and sorts its modules', async () => {
    const old = kernel('6.12.9+deb13');
    const lock = {
      ...LOCK,
      packages: [
        locked(
          old,
          [
            'boot/vmlinuz-6.12.9+deb13-cloud-amd64',
            'usr/lib/modules/6.12.9+deb13/a-net.ko.xz',
            'usr/lib/modules/6.12.9+deb13/b-core.ko.xz',
          ],
          'kernel' as const,
        ),
      ],
    };
    publish('trixie', [
      old,
      kernel('6.12.10+deb13'),
      { ...kernel('6.12.11+deb13'), name: 'linux-image-6.12.11+deb13-rt-amd64' },
    ]);
    publish('trixie-security', []);
    const { packages, modules } = (await run(lock)).lock;
    expect(packages).toMatchObject([{ name: 'linux-image-6.12.10+deb13-cloud-amd64', version: '6.12.10-1' }]);
    expect(packages[0]?.files[0]).toBe('boot/vmlinuz-6.12.10+deb13-cloud-amd64');
    expect(modules).toEqual(['b-core', 'a-net']);
  });

  itWithXz('keeps versions, and asks for no index, when that is wanted', async () => {
    publish('trixie', [tool('1.0'), tool('1.1')]);
    mirror.files.delete('dists/trixie/InRelease');
    const { lock } = await run(LOCK, { keepVersions: true });
    expect(lock.packages).toMatchObject([{ version: '1.0' }]);
    expect(lock.snapshot).toBe(LOCK.snapshot);
    expect(mirror.asked).toEqual([fileOf(tool('1.0'))]);
  });

  itWithXz('refuses an index that is not the one of the Release file', async () => {
    publish('trixie', [tool('1.1')]);
    publish('trixie-security', []);
    const other = mirror.files.get('/debian-security/dists/trixie-security/main/binary-amd64/Packages.xz');
    mirror.files.set('dists/trixie/main/binary-amd64/Packages.xz', other ?? new Uint8Array());
    expect(await codeOf(() => run())).toBe('ERR_CONFIGURATION_IMAGE');
  });

  itWithXz('refuses a package that is not the one of the index', async () => {
    publish('trixie', [tool('1.1')]);
    publish('trixie-security', []);
    mirror.files.set(fileOf(tool('1.1')), tool('1.2').deb);
    expect(await codeOf(() => run())).toBe('ERR_CONFIGURATION_IMAGE');
  });

  itWithXz('names a package that the suite has no more, and a suite that the mirror has not', async () => {
    publish('trixie', []);
    publish('trixie-security', []);
    expect(await codeOf(() => run())).toBe('ERR_CONFIGURATION_IMAGE');
    mirror.files.clear();
    expect(await codeOf(() => run())).toBe('ERR_CONFIGURATION_PACKAGE_GONE');
  });

  itWithKeys("refuses a Release file that Debian's keys did not sign", async () => {
    publish('trixie', [tool('1.1')]);
    publish('trixie-security', []);
    expect(await codeOf(() => run(LOCK, { keyring: DEBIAN_KEYRING }))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(mirror.asked).toEqual(['dists/trixie/InRelease']);
  });
});
