/** Packages on their way from a mirror into a build: what is fetched, what is kept, and what is refused. */
import { hash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type InputSource, loadPackage, takePackage } from '../../src/image/inputs.ts';
import type { LockedPackage } from '../../src/image/lock.ts';
import { openMirror, openSnapshot } from '../../src/image/mirror.ts';
import { openPackageCache } from '../../src/image/package-cache.ts';
import { codeOf } from './codes.ts';
import { type FakeMirror, makeDeb, startMirror } from './packages.ts';

const PATH = 'pool/t/tool_1.0-1_amd64.deb';
const DEB = makeDeb([
  { name: './usr/bin/tool', content: 'tool', mode: 0o755 },
  { name: './etc/extra', content: 'extra' },
]);
const sha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

let folder: string;
let mirror: FakeMirror;
let source: InputSource;
let told: string[];
let locked: LockedPackage;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-inputs-'));
  mirror = await startMirror();
  mirror.files.set(PATH, DEB);
  told = [];
  source = {
    cache: openPackageCache(folder),
    mirror: openMirror(`${mirror.url}/`),
    progress: (line) => told.push(line),
  };
  const draft: LockedPackage = {
    name: 'tool',
    version: '1.0-1',
    suite: 'trixie',
    file: PATH,
    sha256: sha256(DEB),
    contents: '0'.repeat(64),
    group: 'image',
    files: ['usr/bin/tool'],
  };
  locked = { ...draft, contents: (await takePackage(draft, source)).contents };
  rmSync(folder, { recursive: true });
  mirror.asked.length = 0;
  told.length = 0;
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await mirror.close();
});

const load = async (input = locked): Promise<unknown> =>
  await codeOf(async () => (await loadPackage(input, source)).map(({ path }) => path));

const TAKEN = ['usr', 'usr/bin', 'usr/bin/tool'];

describe('a package of the lock', () => {
  it('is fetched once, and then read from the cache', async () => {
    expect(await load()).toEqual(TAKEN);
    expect(mirror.asked).toEqual([PATH]);
    expect(told).toEqual(['fetching tool 1.0-1']);
    expect(await load()).toEqual(TAKEN);
    expect(mirror.asked).toEqual([PATH]);
    expect((await loadPackage(locked, source)).find(({ path }) => path === 'usr/bin/tool')).toMatchObject({
      mode: 0o755,
      bytes: new Uint8Array(Buffer.from('tool')),
    });
  });

  it('is refused when the mirror has another one, of which nothing is kept', async () => {
    mirror.files.set(PATH, makeDeb([{ name: './usr/bin/tool', content: 'evil', mode: 0o755 }]));
    expect(await load()).toBe('ERR_CONFIGURATION_IMAGE');
    expect(mirror.asked).toEqual([PATH]);
    expect(await codeOf(() => readdirSync(folder))).toBe('ENOENT');
  });

  it('is refused when other files come out of it than the lock says', async () => {
    expect(await load({ ...locked, contents: 'f'.repeat(64) })).toBe('ERR_CONFIGURATION_IMAGE');
    expect(await load({ ...locked, files: ['usr/bin/tool', 'etc/extra'], contents: 'f'.repeat(64) })).toBe(
      'ERR_CONFIGURATION_IMAGE',
    );
  });

  it('is named when the mirror has it no more', async () => {
    mirror.files.clear();
    await expect(loadPackage(locked, source)).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_PACKAGE_GONE',
      message: expect.stringContaining('tool 1.0-1'),
      hint: expect.stringContaining('relock'),
    });
  });

  it('is fetched again when what is kept was changed', async () => {
    expect(await load()).toEqual(TAKEN);
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), 'changed');
    expect(await load()).toEqual(TAKEN);
    expect(mirror.asked).toEqual([PATH, PATH]);
    expect(await load()).toEqual(TAKEN);
    expect(mirror.asked).toEqual([PATH, PATH]);
  });

  it('needs no mirror when it is kept', async () => {
    expect(await load()).toEqual(TAKEN);
    mirror.files.clear();
    expect(await load()).toEqual(TAKEN);
  });

  it('is a failure of the network, and no verdict, when the mirror cannot be reached', async () => {
    await mirror.close();
    expect(await load()).toBe('ERR_TRANSPORT_UNREACHABLE');
    mirror = await startMirror();
  });
});

describe('a mirror', () => {
  it.each(['', 'deb.debian.org', 'ftp://host/debian', 'file:///debian', 'http://host/debian?x'])(
    'is not %j',
    async (address) => {
      expect(await codeOf(() => openMirror(address))).toBe('ERR_CONFIGURATION_USAGE');
    },
  );

  it('has security updates in the archive beside it', async () => {
    const beside = openMirror(mirror.url);
    expect(await beside.fetch('trixie', 'x')).toBe(null);
    expect(await beside.fetch('trixie-security', 'x')).toBe(null);
    expect(mirror.asked).toEqual(['x', '/debian-security/x']);
    expect(typeof openSnapshot('20261129T000000Z').fetch).toBe('function');
  });
});
