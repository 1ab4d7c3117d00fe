/** The memory of revocation lists: it survives a restart, takes the higher number, and is never forgotten in silence. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CrlSeries, createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { openFolderCrlNumbers, openMemoryCrlNumbers } from '../../src/client/crl-number-store.ts';

const A: CrlSeries = `${'a1'.repeat(32)}/VCEK`;
const B: CrlSeries = `${'b2'.repeat(32)}/VLEK`;

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-crl-numbers-'));
  path = join(folder, 'crl-numbers.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const DAMAGED = { code: 'ERR_CONFIGURATION_FILE', message: expect.stringContaining('put back a copy') };

describe.each([
  ['in a folder', () => openFolderCrlNumbers(folder)],
  ['in memory', () => openMemoryCrlNumbers()],
])('a store %s', (_name, open) => {
  it('starts empty and keeps the highest number of each series', async () => {
    const store = open();
    expect((await store.read()).entries()).toEqual([]);
    await store.write(createCrlNumbers([[A, 5n]]));
    await store.write(
      createCrlNumbers([
        [A, 4n],
        [B, 2n ** 158n],
      ]),
    );
    const numbers = await store.read();
    expect([numbers.highest(A), numbers.highest(B)]).toEqual([5n, 2n ** 158n]);
  });

  it('takes what appraisals see at the same time, in any order', async () => {
    const store = open();
    const seen = Array.from({ length: 20 }, (_, i) => createCrlNumbers([[i % 2 === 0 ? A : B, BigInt((i * 7) % 20)]]));
    await Promise.all(seen.map(async (numbers) => await store.write(numbers)));
    const numbers = await store.read();
    expect([numbers.highest(A), numbers.highest(B)]).toEqual([18n, 19n]);
  });
});

describe('a store in a folder', () => {
  it('outlives the process, and the file is its user’s alone', async () => {
    await openFolderCrlNumbers(folder).write(createCrlNumbers([[A, 5n]]));
    expect((await openFolderCrlNumbers(folder).read()).entries()).toEqual([[A, 5n]]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['crl-numbers.json']);
  });

  it('loses nothing that another process raises at the same time', async () => {
    // Each store of its own stands for a process: they share nothing but the folder.
    const series = Array.from({ length: 8 }, (_, i): CrlSeries => `${`0${i}`.repeat(32)}/VCEK`);
    await Promise.all(
      series.map(async (name, i) => await openFolderCrlNumbers(folder).write(createCrlNumbers([[name, BigInt(i)]]))),
    );
    const numbers = await openFolderCrlNumbers(folder).read();
    expect(series.map((name) => numbers.highest(name))).toEqual(series.map((_, i) => BigInt(i)));
    expect(readdirSync(folder)).toEqual(['crl-numbers.json']);
  });

  it('waits for a process that is writing, and takes over from one that died long ago', async () => {
    const lock = `${path}.lock`;
    writeFileSync(lock, '');
    const store = openFolderCrlNumbers(folder);
    const written = store.write(createCrlNumbers([[A, 5n]]));
    expect((await store.read()).entries()).toEqual([]);
    rmSync(lock);
    await written;
    writeFileSync(lock, '');
    utimesSync(lock, new Date(0), new Date(0));
    await store.write(createCrlNumbers([[A, 6n]]));
    expect((await store.read()).highest(A)).toBe(6n);
    expect(readdirSync(folder)).toEqual(['crl-numbers.json']);
  });

  it('writes nothing when nothing is new', async () => {
    const store = openFolderCrlNumbers(folder);
    await store.write(createCrlNumbers([]));
    expect(readdirSync(folder)).toEqual([]);
    await store.write(createCrlNumbers([[A, 5n]]));
    const { ino } = statSync(path);
    await store.write(createCrlNumbers([[A, 5n]]));
    expect(statSync(path).ino).toBe(ino);
  });

  it('refuses a file that is cut anywhere or has any one byte changed, and leaves it as it is', async () => {
    const store = openFolderCrlNumbers(folder);
    await store.write(createCrlNumbers([[A, 5n]]));
    const good = readFileSync(path);
    const digit = good.indexOf('"5"') + 1;
    let refused = 0;
    for (let i = 0; i < good.length; i++) {
      const wrong = Buffer.from(good);
      wrong[i] = (wrong[i] ?? 0) ^ 0x10;
      // A root that nobody has is not seen as damage, nor is another digit: the file has no secret to sign itself with.
      const isHex = /^[0-9a-f]$/.test(String.fromCharCode(wrong[i] ?? 0));
      if (i === digit || isHex) continue;
      writeFileSync(path, wrong);
      await expect(store.read()).rejects.toMatchObject(DAMAGED);
      await expect(store.write(createCrlNumbers([[A, 9n]]))).rejects.toMatchObject(DAMAGED);
      expect(readFileSync(path)).toEqual(wrong);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(50);
    for (let size = 0; size < good.length; size++) {
      writeFileSync(path, good.subarray(0, size));
      await expect(store.read()).rejects.toMatchObject(DAMAGED);
    }
    writeFileSync(path, good);
    expect((await store.read()).highest(A)).toBe(5n);
  });

  it.each([
    ['a list', '[]'],
    ['null', 'null'],
    ['another format', '{"anchorhold":"crl-numbers/2","numbers":{}}'],
    ['a number that is none', JSON.stringify({ anchorhold: 'crl-numbers/1', numbers: { [A]: '-1' } })],
    ['a number that is no text', JSON.stringify({ anchorhold: 'crl-numbers/1', numbers: { [A]: 1 } })],
    ['a series that is none', JSON.stringify({ anchorhold: 'crl-numbers/1', numbers: { genoa: '1' } })],
  ])('refuses %s', async (_name, content) => {
    writeFileSync(path, content);
    await expect(openFolderCrlNumbers(folder).read()).rejects.toMatchObject(DAMAGED);
  });

  it('refuses a file that others may write, a link and a folder', async () => {
    const store = openFolderCrlNumbers(folder);
    await store.write(createCrlNumbers([[A, 5n]]));
    chmodSync(path, 0o620);
    await expect(store.read()).rejects.toMatchObject(DAMAGED);
    rmSync(path);
    symlinkSync(join(folder, 'elsewhere'), path);
    await expect(store.read()).rejects.toMatchObject(DAMAGED);
    rmSync(path);
    mkdirSync(path);
    await expect(store.read()).rejects.toMatchObject(DAMAGED);
  });

  it('says so when it cannot be written', async () => {
    rmSync(folder, { recursive: true });
    const store = openFolderCrlNumbers(folder);
    await expect(store.write(createCrlNumbers([[A, 5n]]))).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    mkdirSync(folder);
  });
});
