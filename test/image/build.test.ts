/**
 * The real image, built from the pinned packages: twice elsewhere with the same bits, within its sizes, and with what must not be in it left
 * out. Needs the packages in the cache of this checkout, where `make image` puts them, and asks no network.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { ENFORCING_FIRMWARE } from '../../src/attestation/measurement/enforcing-firmware.ts';
import { parseImageLock } from '../../src/image/lock.ts';
import { type Manifest, parseManifest } from '../../src/image/manifest.ts';
import { PACKAGE_FOLDER } from '../../src/image/package-folder.ts';
import { skipUnless } from '../skips.ts';

const CACHE = join(PACKAGE_FOLDER, '.anchorhold/cache');
const lock = parseImageLock(readFileSync(join(PACKAGE_FOLDER, 'images/image.lock.json'), 'utf8'));
const missing = [...lock.packages, ...lock.npm].filter(
  ({ contents }) => !existsSync(join(CACHE, `sha256-${contents}`)),
);
const isCompiled = existsSync(join(PACKAGE_FOLDER, 'dist/enclave/image/main.js'));
const canRun = process.platform === 'linux' && process.arch === 'x64';
const ready = canRun && isCompiled && missing.length === 0;
const reason = canRun
  ? `run \`make image\` first: ${missing.length} pinned packages are not in .anchorhold/cache${isCompiled ? '' : ', and dist is not compiled'}`
  : 'an image can be built on Linux on x86-64 only';
const itBuilds = skipUnless(ready, reason);

const MEGABYTE = 1e6;
/** A mirror that nobody answers at: what is built comes from the cache alone. */
const NOWHERE = 'http://127.0.0.1:9/debian';

const anchorhold = (...args: readonly string[]): string =>
  execFileSync(join(PACKAGE_FOLDER, 'bin/anchorhold'), args, { cwd: PACKAGE_FOLDER, encoding: 'utf8' });

interface Verified {
  readonly same: boolean;
  readonly differences: readonly string[];
}

describe('the image', () => {
  let manifest: Manifest;
  let verified: Verified;
  const OUT = '.anchorhold/image-test';
  beforeAll(() => {
    if (!ready) return;
    anchorhold('image', 'build', '--mirror', NOWHERE, '--out', OUT);
    manifest = parseManifest(readFileSync(join(PACKAGE_FOLDER, OUT, 'manifest.json'), 'utf8'));
    verified = JSON.parse(anchorhold('image', 'verify', '--mirror', NOWHERE, '--json')) as Verified;
  }, 600_000);

  itBuilds('is the same bits when it is built elsewhere', () => {
    expect(verified).toMatchObject({ same: true, differences: [] });
  });

  itBuilds('has an initrd of at most 45 MB, whose archive is the tree of the manifest', () => {
    const initrd = manifest.files.find(({ path }) => path === 'initrd.img');
    expect(initrd?.size).toBeGreaterThan(20 * MEGABYTE);
    expect(initrd?.size).toBeLessThan(45 * MEGABYTE);
    expect((initrd?.size ?? 1) % 4).toBe(0);
  });

  itBuilds('has the programs, and no shell, package manager, compiler or command line', () => {
    const paths = manifest.tree.files.map(({ path }) => path);
    for (const path of [
      'init',
      'bin/node',
      'bin/confine',
      'usr/sbin/nft',
      'lib/anchorhold/dist/enclave/image/main.js',
    ]) {
      expect(paths).toContain(path);
    }
    expect(
      paths.filter((path) => /(^|\/)(sh|bash|dash|busybox|su|sshd|dpkg|apt|npm|cc1|as|ld\.bfd|strip)$/.test(path)),
    ).toEqual([]);
    expect(paths.filter((path) => /dist\/(cli|testing|client)\//.test(path) && !path.includes('/client/'))).toEqual([]);
    expect(manifest.tree.files.filter(({ kind, path }) => kind === 'file' && /\.(ts|map|md)$/.test(path))).toEqual([]);
  });

  itBuilds('lets nobody but root write to anything in it', () => {
    expect(
      manifest.tree.files.filter(
        ({ kind, mode }) => kind !== 'link' && kind !== 'device' && (Number.parseInt(mode, 8) & 0o022) !== 0,
      ),
    ).toEqual([]);
  });

  itBuilds('loads the modules of the lock, each once', () => {
    const there = manifest.tree.files.filter(({ path }) => path.startsWith('lib/modules/') && path.endsWith('.ko'));
    expect(there.map(({ path }) => path.slice('lib/modules/'.length, -'.ko'.length)).toSorted()).toEqual(
      lock.modules.toSorted(),
    );
  });

  itBuilds('is measured with enforcing firmware, on every shape of machine', () => {
    expect(ENFORCING_FIRMWARE.map(({ sha256 }) => sha256)).toContain(manifest.firmware.sha256);
    expect(new Set(manifest.measurements.map(({ digest }) => digest)).size).toBe(28);
  });

  itBuilds('is another one for debugging, with a shell and another measurement', () => {
    anchorhold('image', 'build', '--mirror', NOWHERE, '--debug', '--out', `${OUT}-debug`);
    const debug = parseManifest(readFileSync(join(PACKAGE_FOLDER, `${OUT}-debug`, 'manifest.json'), 'utf8'));
    expect(debug.tree.files.some(({ path }) => path === 'bin/busybox')).toBe(true);
    const digests = new Set(manifest.measurements.map(({ digest }) => digest));
    expect(debug.measurements.filter(({ digest }) => digests.has(digest))).toEqual([]);
  });
});
