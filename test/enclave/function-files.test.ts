/** One digest is over every file of a function: a byte more, less or other anywhere is refused before anything of it is run. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { LIMITS } from '../../src/base/limits.ts';
import {
  checkFunctionFiles,
  type FunctionFiles,
  readFunctionFiles,
  singleFile,
} from '../../src/enclave/function-files.ts';
import { writeManifest } from '../../src/enclave/function-manifest.ts';
import { DISK } from '../../src/io/files.ts';

const MAIN = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const ASSET = encodeUtf8('{"x":1}');
const manifest = encodeUtf8(
  writeManifest({
    entry: 'main.wasm',
    type: 'text/plain',
    files: { 'main.wasm': formatDigest(sha256(MAIN)), 'assets/x.json': formatDigest(sha256(ASSET)) },
  }),
);
const beside = new Map([
  ['main.wasm', MAIN],
  ['assets/x.json', ASSET],
]);
const digest = sha256(manifest);
const codeOf = (files: FunctionFiles, expected = digest): string => {
  try {
    checkFunctionFiles(files, expected, 'f');
    return 'ok';
  } catch (e) {
    return (e as { code: string }).code;
  }
};

describe('a function of several files', () => {
  it('is what its manifest says: the entry, its type, and the others', () => {
    expect(checkFunctionFiles({ bytes: manifest, beside }, digest, 'f')).toEqual({
      bytes: MAIN,
      digest: sha256(MAIN),
      answerType: 'text/plain',
      mounts: [
        {
          path: '/',
          writable: false,
          items: [
            { kind: 'directory', path: 'assets' },
            { kind: 'file', path: 'assets/x.json', bytes: ASSET },
          ],
        },
      ],
    });
  });

  it('gets nothing that its manifest does not name', () => {
    const more = new Map([...beside, ['other.txt', ASSET]]);
    expect(checkFunctionFiles({ bytes: manifest, beside: more }, digest, 'f')).toEqual(
      checkFunctionFiles({ bytes: manifest, beside }, digest, 'f'),
    );
  });

  it.each<[string, FunctionFiles]>([
    ['a manifest with another byte', { bytes: encodeUtf8(`${Buffer.from(manifest).toString()} `), beside }],
    [
      'an entry with another byte',
      { bytes: manifest, beside: new Map([...beside, ['main.wasm', MAIN.map((b, i) => (i === 7 ? 1 : b))]]) },
    ],
    [
      'an asset with another byte',
      { bytes: manifest, beside: new Map([...beside, ['assets/x.json', encodeUtf8('{"x":2}')]]) },
    ],
    [
      'an asset that is longer',
      { bytes: manifest, beside: new Map([...beside, ['assets/x.json', encodeUtf8('{"x":1} ')]]) },
    ],
    ['an asset that is not there', { bytes: manifest, beside: new Map([['main.wasm', MAIN]]) }],
  ])('is refused with %s', (_, files) => {
    expect(codeOf(files)).toBe('ERR_FUNCTION_DIGEST');
  });

  it('is refused under another digest before its manifest is read', () => {
    expect(codeOf({ bytes: encodeUtf8('{'), beside })).toBe('ERR_FUNCTION_DIGEST');
    expect(codeOf({ bytes: encodeUtf8('{'), beside }, sha256(encodeUtf8('{')))).toBe('ERR_FUNCTION_INVALID');
  });

  it('of one file is that file', () => {
    expect(checkFunctionFiles(singleFile(MAIN), sha256(MAIN), 'f')).toEqual({
      bytes: MAIN,
      digest: sha256(MAIN),
      answerType: 'application/octet-stream',
      mounts: [],
    });
    expect(codeOf(singleFile(MAIN))).toBe('ERR_FUNCTION_DIGEST');
  });
});

describe('reading', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'manifest.json'), manifest);
  writeFileSync(join(folder, 'main.wasm'), MAIN);
  writeFileSync(join(folder, 'assets/x.json'), ASSET);
  writeFileSync(join(folder, 'secret.txt'), 'nobody named this');

  it('gives a manifest with what it names, and a .wasm file alone', async () => {
    expect(await readFunctionFiles(join(folder, 'manifest.json'), 'f', DISK)).toEqual({ bytes: manifest, beside });
    expect(await readFunctionFiles(join(folder, 'main.wasm'), 'f', DISK)).toEqual({ bytes: MAIN, beside: new Map() });
  });

  it('is refused when a file is missing, or all together are over the cap', async () => {
    const listing = (names: readonly string[]): string =>
      writeManifest({
        entry: names[0] ?? '',
        type: 'text/plain',
        files: Object.fromEntries(names.map((n) => [n, formatDigest(digest)])),
      });
    writeFileSync(join(folder, 'less.json'), listing(['main.wasm', 'not-there']));
    writeFileSync(join(folder, 'large'), new Uint8Array(LIMITS.functionBytes));
    writeFileSync(join(folder, 'more.json'), listing(['main.wasm', 'large']));
    const refused = { code: 'ERR_CONFIGURATION_FILE' };
    await expect(readFunctionFiles(join(folder, 'less.json'), 'f', DISK)).rejects.toMatchObject(refused);
    await expect(readFunctionFiles(join(folder, 'more.json'), 'f', DISK)).rejects.toMatchObject(refused);
    writeFileSync(join(folder, 'one.json'), listing(['large']));
    expect((await readFunctionFiles(join(folder, 'one.json'), 'f', DISK)).beside.size).toBe(1);
  });
});
