import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { openSealedFiles } from '../../../src/enclave/store/sealed-files.ts';
import { makeTestFolder } from './folder.ts';

const KEY = new Uint8Array(32).fill(7);
const PLAIN = encodeUtf8('rows of patients');

describe('sealed files', () => {
  it('give what was written, to the next run, too, and show nothing of it', async () => {
    const folder = join(makeTestFolder(), 'files');
    const file = await (await openSealedFiles(folder, KEY)).write('patients', PLAIN);
    expect(readdirSync(folder)).toEqual([file.name]);
    expect(readFileSync(join(folder, file.name)).includes('patients')).toBe(false);
    expect(await (await openSealedFiles(folder, KEY)).read(file, 'patients', PLAIN.length)).toEqual(PLAIN);
  });

  it('give nothing under another label or key, over the cap, or from outside of the folder', async () => {
    const folder = makeTestFolder();
    const files = await openSealedFiles(folder, KEY);
    const file = await files.write('patients', PLAIN);
    expect(await files.read(file, 'others', 100)).toBeNull();
    expect(await files.read(file, 'patients', PLAIN.length - 1)).toBeNull();
    expect(await (await openSealedFiles(folder, new Uint8Array(32))).read(file, 'patients', 100)).toBeNull();
    expect(
      await files.read({ ...file, name: `../${folder.split('/').at(-1)}/${file.name}` }, 'patients', 100),
    ).toBeNull();
  });

  it('give nothing that was cut, changed, or exchanged for an older one', async () => {
    const folder = makeTestFolder();
    const files = await openSealedFiles(folder, KEY);
    const old = await files.write('patients', PLAIN);
    const file = await files.write('patients', encodeUtf8('rows of patientz'));
    const path = join(folder, file.name);
    const sealed = readFileSync(path);
    for (const length of [0, 1, sealed.length - 1]) {
      writeFileSync(path, sealed.subarray(0, length));
      expect(await files.read(file, 'patients', 100)).toBeNull();
    }
    writeFileSync(path, readFileSync(join(folder, old.name)));
    expect(await files.read(file, 'patients', 100)).toBeNull();
    writeFileSync(path, sealed);
    expect(await files.read(file, 'patients', 100)).not.toBeNull();
  });

  it('are gone when they are removed, and when nobody knows them any more', async () => {
    const folder = makeTestFolder();
    const files = await openSealedFiles(folder, KEY);
    const [a, b, c] = [await files.write('a', PLAIN), await files.write('b', PLAIN), await files.write('c', PLAIN)];
    writeFileSync(join(folder, `${'0'.repeat(32)}.sealed.part`), 'half of a file');
    await files.remove(a.name);
    expect(existsSync(join(folder, a.name))).toBe(false);
    await files.keepOnly(new Set([b.name]));
    expect(readdirSync(folder)).toEqual([b.name]);
    expect(await files.read(c, 'c', 100)).toBeNull();
  });
});
