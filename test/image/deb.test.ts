/** What comes out of a package of Debian, and which packages are refused whole. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { readDeb } from '../../src/image/deb.ts';
import { takeFiles } from '../../src/image/take-files.ts';
import { codeOf } from './codes.ts';
import { ar, makeDeb, type RawEntry, rawTar } from './packages.ts';

const REFUSED = 'ERR_CONFIGURATION_IMAGE';
const FILE: RawEntry = { name: './usr/bin/tool', content: 'tool', mode: 0o755 };

/** Reads a package and takes files from it: what is taken, as path, mode and text, or the code of the refusal. */
async function take(deb: Uint8Array, ...list: readonly string[]): Promise<unknown> {
  return await codeOf(async () => {
    const tree = takeFiles(await readDeb(deb, 'a package'), list, 'a package');
    return tree.flatMap((entry) =>
      entry.kind === 'file' ? [[entry.path, entry.mode, Buffer.from(entry.bytes).toString()]] : [],
    );
  });
}

const TOOL = [['usr/bin/tool', 0o755, 'tool']];

describe('a package of Debian', () => {
  it.each(['gz', 'zst', 'plain'] as const)('gives the files that are listed, and no others (%s)', async (form) => {
    const deb = makeDeb([{ name: './', flag: '5' }, FILE, { name: './etc/shadow', content: 'no' }], form);
    expect(await take(deb, 'usr/bin/tool')).toEqual(TOOL);
  });

  it('gives all files below a folder, when that is listed', async () => {
    const deb = makeDeb([
      FILE,
      { name: './usr/include/a.h', content: 'a' },
      { name: './usr/include/b/c.h', content: 'c' },
    ]);
    expect(await take(deb, 'usr/include/')).toEqual([
      ['usr/include/a.h', 0o644, 'a'],
      ['usr/include/b/c.h', 0o644, 'c'],
    ]);
    expect(await take(deb, 'usr/lib/')).toBe(REFUSED);
  });

  it('knows the long names of GNU tar and of pax', async () => {
    const long = `usr/${'n'.repeat(120)}`;
    const gnu = makeDeb([
      { name: '././@LongLink', flag: 'L', content: `./${long}\0` },
      { name: './short', content: 'x' },
    ]);
    expect(await take(gnu, long)).toEqual([[long, 0o644, 'x']]);
    const record = `${` path=./${long}\n`.length + 3} path=./${long}\n`;
    const pax = makeDeb([
      { name: 'pax', flag: 'x', content: record },
      { name: './short', content: 'x' },
    ]);
    expect(await take(pax, long)).toEqual([[long, 0o644, 'x']]);
    const wrong = makeDeb([
      { name: 'pax', flag: 'x', content: '999 path=a\n' },
      { name: './short', content: 'x' },
    ]);
    expect(await take(wrong, 'short')).toBe(REFUSED);
  });

  it('has nothing that leads out of it, listed or not', async () => {
    for (const name of ['../etc/passwd', './usr/../../x', '/etc/passwd', 'usr//x']) {
      expect([name, await take(makeDeb([FILE, { name, content: 'x' }]), 'usr/bin/tool')]).toEqual([name, REFUSED]);
    }
    const gnu = makeDeb([FILE, { name: 'l', flag: 'L', content: '../x\0' }, { name: 'x', content: 'x' }]);
    expect(await take(gnu, 'usr/bin/tool')).toBe(REFUSED);
  });

  it('gives the file that a link leads to, inside the package only', async () => {
    const link = (target: string): Uint8Array => makeDeb([FILE, { name: './usr/lib/t', flag: '2', target }]);
    expect(await take(link('../bin/tool'), 'usr/lib/t')).toEqual([['usr/lib/t', 0o755, 'tool']]);
    expect(await take(link('/usr/bin/tool'), 'usr/lib/t')).toEqual([['usr/lib/t', 0o755, 'tool']]);
    for (const target of ['../../../etc/passwd', '/etc/passwd', 't', '../bin']) {
      expect([target, await take(link(target), 'usr/lib/t')]).toEqual([target, REFUSED]);
    }
  });

  it('gives a file its other names', async () => {
    const other = (target: string): Uint8Array => makeDeb([FILE, { name: './usr/bin/u', flag: '1', target }]);
    expect(await take(other('./usr/bin/tool'), 'usr/bin/u')).toEqual([['usr/bin/u', 0o755, 'tool']]);
    expect(await take(other('./usr/bin/missing'), 'usr/bin/tool')).toBe(REFUSED);
  });

  it.each(['3', '4', '6', '7'])('gives no device, pipe or anything else (type %s)', async (flag) => {
    const deb = makeDeb([FILE, { name: './dev/x', flag }]);
    expect(await take(deb, 'usr/bin/tool')).toEqual(TOOL);
    expect(await take(deb, 'dev/x')).toBe(REFUSED);
  });

  it('is refused when a listed file is missing, or is a folder', async () => {
    const deb = makeDeb([{ name: './usr/bin', flag: '5' }, FILE]);
    expect(await take(deb, 'usr/bin/other')).toBe(REFUSED);
    expect(await take(deb, 'usr/bin')).toBe(REFUSED);
  });

  it('is refused when it is cut short or changed', async () => {
    const tar = rawTar([FILE]);
    const wrap = (bytes: Uint8Array): Uint8Array => ar([['data.tar', bytes]]);
    expect(await take(wrap(tar), 'usr/bin/tool')).toEqual(TOOL);
    expect(await take(wrap(tar.subarray(0, 512)), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(wrap(tar.subarray(0, 1024)), 'usr/bin/tool')).toBe(REFUSED);
    const flipped = tar.slice();
    flipped[100] = 0x31;
    expect(await take(wrap(flipped), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(wrap(rawTar([{ ...FILE, size: 4096 }])), 'usr/bin/tool')).toBe(REFUSED);
    const deb = makeDeb([FILE]);
    expect(await take(deb.subarray(0, -20), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(deb.subarray(1), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(ar([['control.tar', tar]]), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(ar([['data.tar.lzma', tar]]), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(ar([['data.tar.xz', tar]]), 'usr/bin/tool')).toBe(REFUSED);
    expect(await take(ar([['data.tar.gz', gzipSync(tar).subarray(0, -9)]]), 'usr/bin/tool')).toBe(REFUSED);
  });

  it('is refused when it has more entries than a package may', async () => {
    const entry = rawTar([{ name: './d', flag: '5' }]).subarray(0, 512);
    const many = (count: number): Uint8Array => {
      const tar = new Uint8Array(512 * (count + 2));
      for (let i = 0; i < count; i++) tar.set(entry, i * 512);
      return concatBytes(encodeUtf8(''), tar);
    };
    const read = async (count: number): Promise<unknown> =>
      await codeOf(async () => (await readDeb(ar([['data.tar', many(count)]]), 'a package')).length);
    expect(await read(LIMITS.unpackedEntries)).toBe(LIMITS.unpackedEntries);
    expect(await read(LIMITS.unpackedEntries + 1)).toBe(REFUSED);
  });
});
