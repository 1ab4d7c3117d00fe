/**
 * The real image, built from the pinned packages: twice elsewhere with the same bits, within its sizes, and with what must not be in it left
 * out. Needs the packages in the cache of this checkout, where `make image` puts them, and asks no network.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ENFORCING_FIRMWARE } from '../../src/attestation/measurement/enforcing-firmware.ts';
import { type AnyPackage, packageDigest } from '../../src/image/inputs.ts';
import { parseImageLock } from '../../src/image/lock.ts';
import type { Manifest } from '../../src/image/manifest.ts';
import { PACKAGE_FOLDER } from '../../src/image/package-folder.ts';
import { readImage } from '../../src/image/read-image.ts';
import { type Verified, verifyBuild } from '../../src/image/verify.ts';
import { skipUnless } from '../skips.ts';

const CACHE = join(PACKAGE_FOLDER, '.anchorhold/cache');
const lock = parseImageLock(readFileSync(join(PACKAGE_FOLDER, 'images/image.lock.json'), 'utf8'));
/** Whether a build finds a package here: unpacked, or as it was fetched. */
function isKept(input: AnyPackage): boolean {
  const { algorithm, hex } = packageDigest(input);
  return [`sha256-${input.contents}`, `${algorithm}-${hex}`].some((name) => existsSync(join(CACHE, name)));
}

const missing = [...lock.packages, ...lock.npm].filter((input) => !isKept(input));
const missingForAll = missing.filter((input) => !('group' in input) || input.group !== 'debug');
const isCompiled = existsSync(join(PACKAGE_FOLDER, 'dist/enclave/image/main.js'));
const canRun = process.platform === 'linux' && process.arch === 'x64';
const ready = canRun && isCompiled && missingForAll.length === 0;
const reason = canRun
  ? `run \`make image\` first: ${missingForAll.length} pinned packages are not in .anchorhold/cache${isCompiled ? '' : ', and dist is not compiled'}`
  : 'an image can be built on Linux on x86-64 only';
const itBuilds = skipUnless(ready, reason);
const itBuildsDebug = skipUnless(
  ready && missing.length === 0,
  ready ? 'run `anchorhold image build --debug` first: its packages are not in .anchorhold/cache' : reason,
);

const MEGABYTE = 1e6;
/** A mirror that nobody answers at: what is built comes from the cache alone. */
const NOWHERE = 'http://127.0.0.1:9/debian';

const DEBUG_FOLDER = mkdtempSync(join(tmpdir(), 'anchorhold-debug-'));

const build = (...options: readonly string[]): readonly string[] => [
  join(PACKAGE_FOLDER, 'bin/anchorhold'),
  'image',
  'build',
  `--cache=${CACHE}`,
  `--mirror=${NOWHERE}`,
  ...options,
];

describe('the image', () => {
  let verified: Verified;
  let manifest: Manifest;
  let debug: Manifest;
  beforeAll(async () => {
    if (!ready) return;
    verified = await verifyBuild([...build(), '--out'], () => undefined);
    manifest = verified.manifest;
    if (missing.length > 0) return;
    const [command = '', ...args] = build('--debug', '--out', DEBUG_FOLDER);
    execFileSync(command, args, { stdio: 'ignore' });
    debug = await readImage(DEBUG_FOLDER);
  }, 900_000);
  afterAll(() => rmSync(DEBUG_FOLDER, { recursive: true, force: true }));

  itBuilds('is the same bits when it is built elsewhere', () => {
    expect(verified.differences).toEqual([]);
  });

  itBuilds('has an initrd of at most 45 MB, whose archive is the tree of the manifest', () => {
    const initrd = manifest.files.find(({ path }) => path === 'initrd.img');
    expect(initrd?.size).toBeGreaterThan(20 * MEGABYTE);
    expect(initrd?.size).toBeLessThan(45 * MEGABYTE);
    expect((initrd?.size ?? 1) % 4).toBe(0);
  });

  itBuilds('has the programs, and no shell, package manager, compiler or command line', () => {
    const paths = manifest.tree.files.map(({ path }) => path);
    for (const path of ['init', 'bin/node', 'bin/confine', 'usr/sbin/nft']) {
      expect(paths).toContain(path);
    }
    expect(
      paths.filter((path) => /(^|\/)(sh|bash|dash|busybox|su|sshd|dpkg|apt|npm|cc1|as|ld\.bfd|strip)$/.test(path)),
    ).toEqual([]);
  });

  itBuilds('has one file for each kind of process, and nothing else of the worker', () => {
    const paths = manifest.tree.files.filter(({ kind }) => kind === 'file').map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('lib/anchorhold/')).toSorted()).toEqual(
      ['child.js', 'container.js', 'image.js', 'package.json', 'probe.js'].map((name) => `lib/anchorhold/${name}`),
    );
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

  itBuildsDebug('is another one for debugging, with a shell and another measurement', () => {
    expect(debug.tree.files.some(({ path }) => path === 'bin/busybox')).toBe(true);
    const digests = new Set(manifest.measurements.map(({ digest }) => digest));
    expect(debug.measurements.filter(({ digest }) => digests.has(digest))).toEqual([]);
  });
});
