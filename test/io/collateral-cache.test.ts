/** The cache of fetched certificates: whole entries or none, closed to other users, and no word taken for what is in them. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFolderCache, openMemoryCache, userCacheFolder } from '../../src/io/collateral-cache.ts';
import { NOW } from '../testing/shared-amd.ts';

const ADDRESS = 'https://kds.example/vcek/v1/Genoa/crl';
const OTHER = 'https://kds.example/vcek/v1/Milan/crl';
const file = { bytes: Uint8Array.of(1, 2, 10, 3), fetchedAt: NOW };

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'anchorhold-cache-'));
  folder = join(parent, 'a', 'kds');
});
afterEach(() => rmSync(parent, { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const onlyEntry = (): string => join(folder, readdirSync(folder)[0] ?? '');

describe.each([
  ['in a folder', () => openFolderCache(folder)],
  ['in memory', () => Promise.resolve(openMemoryCache())],
])('a cache %s', (_name, open) => {
  it('gives back what was written last', async () => {
    const cache = await open();
    expect(await cache.read(ADDRESS, 100)).toBeNull();
    await cache.write(ADDRESS, file);
    expect(await cache.read(ADDRESS, 100)).toEqual(file);
    expect(await cache.read(OTHER, 100)).toBeNull();
    await cache.write(ADDRESS, { ...file, bytes: new Uint8Array() });
    expect((await cache.read(ADDRESS, 100))?.bytes).toEqual(new Uint8Array());
  });

  it('gives nothing that is over the cap', async () => {
    const cache = await open();
    await cache.write(ADDRESS, file);
    expect(await cache.read(ADDRESS, 4)).toEqual(file);
    expect(await cache.read(ADDRESS, 3)).toBeNull();
  });
});

describe('a cache in a folder', () => {
  it('keeps it to its user', async () => {
    await (await openFolderCache(folder)).write(ADDRESS, file);
    expect([modeOf(folder), modeOf(onlyEntry())]).toEqual([0o700, 0o600]);
  });

  it('outlives the process that wrote it', async () => {
    await (await openFolderCache(folder)).write(ADDRESS, file);
    expect(await (await openFolderCache(folder)).read(ADDRESS, 100)).toEqual(file);
  });

  it('takes an entry with any one byte changed, cut or added for none', async () => {
    const cache = await openFolderCache(folder);
    await cache.write(ADDRESS, file);
    const path = onlyEntry();
    const entry = readFileSync(path);
    // The time is not under the digest: another time is another entry, judged by its reader.
    const [format = '', digest = '', time = ''] = entry.toString('latin1').split(' ');
    const timeAt = format.length + digest.length + 2;
    let changed = 0;
    for (let i = 0; i < entry.length; i++) {
      if (i >= timeAt && i < timeAt + time.length) continue;
      const wrong = Buffer.from(entry);
      wrong[i] = (wrong[i] ?? 0) ^ 1;
      writeFileSync(path, wrong);
      expect([i, await cache.read(ADDRESS, 100)]).toEqual([i, null]);
      changed += 1;
    }
    expect(changed).toBe(entry.length - time.length);
    for (let size = 0; size < entry.length; size++) {
      writeFileSync(path, entry.subarray(0, size));
      expect(await cache.read(ADDRESS, 100)).toBeNull();
    }
    writeFileSync(path, Buffer.concat([entry, Buffer.of(0)]));
    expect(await cache.read(ADDRESS, 100)).toBeNull();
    writeFileSync(path, entry);
    expect(await cache.read(ADDRESS, 100)).toEqual(file);
  });

  it('takes the entry of another address for none', async () => {
    const cache = await openFolderCache(folder);
    await cache.write(ADDRESS, file);
    const path = onlyEntry();
    await cache.write(OTHER, { ...file, bytes: Uint8Array.of(9) });
    const [foreign = ''] = readdirSync(folder).filter((name) => join(folder, name) !== path);
    renameSync(join(folder, foreign), path);
    expect(await cache.read(ADDRESS, 100)).toBeNull();
  });

  it.each([
    ['that others may write', 0o620],
    ['that anybody may write', 0o602],
  ])('takes an entry %s for none', async (_name, mode) => {
    const cache = await openFolderCache(folder);
    await cache.write(ADDRESS, file);
    chmodSync(onlyEntry(), mode);
    expect(await cache.read(ADDRESS, 100)).toBeNull();
    await cache.write(ADDRESS, file);
    expect(await cache.read(ADDRESS, 100)).toEqual(file);
    expect(modeOf(onlyEntry())).toBe(0o600);
  });

  it('follows no link', async () => {
    const cache = await openFolderCache(folder);
    await cache.write(ADDRESS, file);
    const path = onlyEntry();
    const elsewhere = join(parent, 'elsewhere');
    renameSync(path, elsewhere);
    symlinkSync(elsewhere, path);
    expect(await cache.read(ADDRESS, 100)).toBeNull();
    const before = readFileSync(elsewhere);
    await cache.write(ADDRESS, { ...file, bytes: Uint8Array.of(7) });
    expect((await cache.read(ADDRESS, 100))?.bytes).toEqual(Uint8Array.of(7));
    expect(readFileSync(elsewhere)).toEqual(before);
  });

  it.each([
    ['group', 0o770],
    ['everybody', 0o707],
  ])('refuses a folder that %s may write to', async (_name, mode) => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, mode);
    await expect(openFolderCache(folder)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it('refuses a file in place of the folder', async () => {
    writeFileSync(join(parent, 'a'), '');
    await expect(openFolderCache(folder)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    await expect(openFolderCache(join(parent, 'a'))).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it('says so when it cannot be written, and leaves nothing behind', async () => {
    const cache = await openFolderCache(folder);
    await cache.write(ADDRESS, file);
    const path = onlyEntry();
    rmSync(path);
    mkdirSync(path);
    await expect(cache.write(ADDRESS, file)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    expect(await cache.read(ADDRESS, 100)).toBeNull();
    expect(readdirSync(folder).length).toBe(1);
  });

  it('shows readers one whole entry while many write', async () => {
    const caches = await Promise.all(Array.from({ length: 4 }, async () => await openFolderCache(folder)));
    const entries = caches.map((_, i) => ({ bytes: new Uint8Array(20_000).fill(i), fetchedAt: NOW }));
    await caches[0]?.write(ADDRESS, { bytes: new Uint8Array(20_000), fetchedAt: NOW });
    const seen = await Promise.all(
      Array.from({ length: 10 }, async () =>
        Promise.all(
          caches.map(async (cache, i) => {
            await cache.write(ADDRESS, entries[i] ?? file);
            return await cache.read(ADDRESS, 20_000);
          }),
        ),
      ),
    );
    const whole = seen.flat().filter((entry) => entry !== null && new Set(entry.bytes).size === 1);
    expect(whole.length).toBe(40);
    expect(readdirSync(folder).length).toBe(1);
  });
});

it("the folder of a user's caches is absolute, and where the user says", () => {
  const before = process.env['XDG_CACHE_HOME'];
  process.env['XDG_CACHE_HOME'] = parent;
  expect(userCacheFolder()).toBe(join(parent, 'anchorhold'));
  process.env['XDG_CACHE_HOME'] = 'relative';
  expect(userCacheFolder()).toMatch(/^\/.*\.cache\/anchorhold$/);
  if (before === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = before;
});
