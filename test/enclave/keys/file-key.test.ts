import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileKey } from '../../../src/enclave/keys/file-key.ts';
import { makeTestFolder } from '../store/folder.ts';

const measurement = new Uint8Array(48).fill(1);

describe('the simulated storage key', () => {
  it('is made at first use, with mode 0600, and the same from then on', async () => {
    const path = join(makeTestFolder(), 'storage.key');
    const source = openFileKey(path);
    expect(source.kind).toBe('simulated-file');
    const key = await source.storageKey({ measurement });
    expect(key).toHaveLength(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await openFileKey(path).storageKey({ measurement })).toEqual(key);
    expect(readFileSync(path, 'utf8')).not.toContain(Buffer.from(key).toString('hex'));
  });

  it('is another for other code, and for another file', async () => {
    const path = join(makeTestFolder(), 'storage.key');
    const key = await openFileKey(path).storageKey({ measurement });
    const other = Uint8Array.from(measurement);
    other[47] = 0;
    expect(await openFileKey(path).storageKey({ measurement: other })).not.toEqual(key);
    const elsewhere = openFileKey(join(makeTestFolder(), 'storage.key'));
    expect(await elsewhere.storageKey({ measurement })).not.toEqual(key);
  });

  it.each([
    ['is open to other users', (path: string) => chmodSync(path, 0o640)],
    ['was cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 64))],
    ['is no hex', (path: string) => writeFileSync(path, `${'g'.repeat(64)}\n`)],
  ])('is refused when its file %s', async (_, spoil) => {
    const path = join(makeTestFolder(), 'storage.key');
    await openFileKey(path).storageKey({ measurement });
    spoil(path);
    await expect(openFileKey(path).storageKey({ measurement })).rejects.toMatchObject({
      code: 'ERR_SECRET_UNREADABLE',
    });
  });

  it('is refused where no file can be made', async () => {
    const source = openFileKey(join(makeTestFolder(), 'none', 'storage.key'));
    await expect(source.storageKey({ measurement })).rejects.toMatchObject({ code: 'ERR_SECRET_UNREADABLE' });
  });
});
