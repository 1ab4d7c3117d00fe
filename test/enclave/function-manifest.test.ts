/** Manifests are read in one spelling, and hold only names that mean the same everywhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { parseManifest, writeManifest } from '../../src/enclave/function-manifest.ts';
import { FunctionError } from '../../src/errors.ts';

const A = `sha256:${'a'.repeat(64)}` as const;
const B = `sha256:${'b'.repeat(64)}` as const;
const GOOD = { entry: 'main.wasm', type: 'application/json', files: { 'main.wasm': A, 'assets/x.json': B } };
const TEXT = writeManifest(GOOD);

function outcome(text: string | Uint8Array): string {
  try {
    parseManifest(typeof text === 'string' ? encodeUtf8(text) : text, 'f');
    return 'ok';
  } catch (e) {
    return e instanceof FunctionError ? e.code : 'not ours';
  }
}
const withFiles = (files: Readonly<Record<string, string>>): string =>
  writeManifest({ ...GOOD, files: { 'main.wasm': A, ...files } });
const INVALID = 'ERR_FUNCTION_INVALID';

describe('a manifest', () => {
  it('is what was written', () => {
    expect(parseManifest(encodeUtf8(TEXT), 'f')).toMatchObject(GOOD);
    expect(TEXT).toBe(
      `{"anchorhold":"function/1","entry":"main.wasm","files":{"assets/x.json":"${B}","main.wasm":"${A}"},"type":"application/json"}`,
    );
  });

  it.each([
    ['a blank', TEXT.replace(',', ', ')],
    ['a line end at the end', `${TEXT}\n`],
    ['another order of keys', `{"type":"application/json",${TEXT.slice(1).replace(',"type":"application/json"', '')}`],
    ['an escape that need not be', TEXT.replace('main.wasm', 'm\\u0061in.wasm')],
    ['a key twice', TEXT.replace('"entry"', '"entry":"other.wasm","entry"')],
    ['another format', TEXT.replace('function/1', 'function/2')],
    ['an unknown key', TEXT.replace('"type"', '"size":1,"type"')],
    ['no entry', TEXT.replace('"entry":"main.wasm",', '')],
    ['no type', TEXT.replace(',"type":"application/json"', '')],
    ['a type with parameters', TEXT.replace('application/json', 'text/plain; charset=utf-8')],
    ['a type in capitals', TEXT.replace('application/json', 'Application/json')],
    ['an entry that is not listed', TEXT.replace('"entry":"main.wasm"', '"entry":"other.wasm"')],
    ['a digest in capitals', TEXT.replace(A, `sha256:${'A'.repeat(64)}`)],
    ['a list', '[]'],
    ['half of it', TEXT.slice(0, 40)],
    ['nothing', ''],
    ['more than the cap', `{${' '.repeat(LIMITS.manifestBytes)}}`],
    ['no text', Uint8Array.of(0x7b, 0xff, 0x7d)],
  ])('is refused with %s', (_, text) => {
    expect(outcome(text)).toBe(INVALID);
  });

  it.each(['x', 'a/b/c.d', 'a-b_c.1', '_', 'a..b', 'a'.repeat(128)])('may name a file %s', (name) => {
    expect(outcome(withFiles({ [name]: B }))).toBe('ok');
  });

  it.each([
    '..',
    '../x',
    'a/../x',
    'a/..',
    './x',
    '/etc/passwd',
    'a//b',
    'a/',
    '.hidden',
    'a/.hidden',
    'a\\b',
    'C:x',
    'a b',
    'caf\u00e9',
    'a\u0000',
    'manifest.json',
    'Manifest.JSON',
    '',
    'a'.repeat(129),
  ])('may not name a file %j', (name) => {
    expect(outcome(withFiles({ [name]: B }))).toBe(INVALID);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['two names that differ in capitals', { a: A, A: B }],
    ['the entry in capitals', { 'Main.wasm': B }],
    ['a file in the place of a folder', { a: A, 'a/b': B }],
    ['a file in the place of a folder above', { a: A, 'A/b/c': B }],
    ['too many files', Object.fromEntries(Array.from({ length: LIMITS.bundleFiles }, (_, i) => [`f${i}`, A]))],
  ])('is refused with %s', (_, files) => {
    expect(outcome(withFiles(files))).toBe(INVALID);
  });

  it('may name as many files as the cap', () => {
    const files = Object.fromEntries(Array.from({ length: LIMITS.bundleFiles - 1 }, (_, i) => [`f${i}`, A]));
    expect(outcome(withFiles(files))).toBe('ok');
  });

  it('of any bytes is a manifest or our error', () => {
    fc.assert(
      fc.property(fc.nat(TEXT.length), fc.string({ maxLength: 4 }), fc.nat(4), (at, text, cut) => {
        const changed = TEXT.slice(0, at) + text + TEXT.slice(at + cut);
        const came = outcome(changed);
        expect(came).toMatch(/^(ok|ERR_FUNCTION_INVALID)$/);
        if (came === 'ok') expect(writeManifest(parseManifest(encodeUtf8(changed), 'f'))).toBe(changed);
      }),
      { numRuns: 1000 },
    );
  });
});
