import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha384 } from '../../src/base/digest.ts';
import { digestFile, nativeSha384 } from '../../src/io/native-digest.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-digest-'));
const path = join(folder, 'file');
afterAll(() => rmSync(folder, { recursive: true }));

describe('nativeSha384', () => {
  it('gives what the pure one gives', () => {
    const bytes = new Uint8Array(4096).fill(5);
    expect(new Uint8Array(nativeSha384(bytes))).toEqual(sha384(bytes));
  });
});

describe('digestFile', () => {
  it.each([0, 1, 1024 * 1024, 2.5 * 1024 * 1024])('hashes a file of %i bytes', async (size) => {
    const content = Buffer.alloc(size, 'anchor');
    writeFileSync(path, content);
    expect(await digestFile(path, size)).toEqual(createHash('sha256').update(content).digest());
  });

  it('refuses a file over the cap, by one byte', async () => {
    writeFileSync(path, new Uint8Array(100));
    await expect(digestFile(path, 100)).resolves.toHaveLength(32);
    await expect(digestFile(path, 99)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it.each(['.', 'nothing', 'file/below'])('refuses "%s", which is no file', async (name) => {
    await expect(digestFile(join(folder, name), 100)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });
});
