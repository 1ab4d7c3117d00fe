/** Files in memory behave as those on disk do, and what is read through a source can be told afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DISK, type FileSource, readTextFrom } from '../../src/io/files.ts';
import { memoryFiles, rememberFiles } from '../../src/io/memory-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-files-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'a');
writeFileSync(path, 'hello');
const REFUSED = { code: 'ERR_CONFIGURATION_FILE' };

const SOURCES: readonly (readonly [string, FileSource])[] = [
  ['on disk', DISK],
  ['in memory', memoryFiles(new Map([[path, new TextEncoder().encode('hello')]]))],
];

describe.each(SOURCES)('a file %s', (_, files) => {
  it('is read by its path, and beside others by its name', async () => {
    expect(await readTextFrom(files, path, 5)).toBe('hello');
    expect(files.beside(folder, 5)('a')).toEqual(new TextEncoder().encode('hello'));
  });

  it('is refused over the cap, and when it is not there', async () => {
    await expect(files.read(path, 4)).rejects.toMatchObject(REFUSED);
    await expect(files.read(join(folder, 'b'), 5)).rejects.toMatchObject(REFUSED);
    expect(() => files.beside(folder, 4)('a')).toThrowError(expect.objectContaining(REFUSED));
    expect(files.beside(folder, 5)('b')).toBeNull();
  });

  it('is remembered when it was read, and not when it was not there', async () => {
    const seen = new Map<string, Uint8Array>();
    const watched = rememberFiles(files, seen);
    expect(watched.beside(folder, 5)('b')).toBeNull();
    await expect(watched.read(join(folder, 'b'), 5)).rejects.toMatchObject(REFUSED);
    expect(seen.size).toBe(0);
    await watched.read(path, 5);
    expect([...seen.keys()]).toEqual([path]);
    seen.clear();
    watched.beside(folder, 5)('a');
    expect([...seen.keys()]).toEqual([path]);
  });
});

it('gives bytes of its own, so that a reader cannot change them for the next', async () => {
  const files = memoryFiles(new Map([['/a', Uint8Array.of(1)]]));
  (await files.read('/a', 1)).fill(9);
  expect(await files.read('/a', 1)).toEqual(Uint8Array.of(1));
});
