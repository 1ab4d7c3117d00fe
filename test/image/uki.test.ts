/** UKIs: what is put where, and what is refused; small files, since the form does not depend on the size. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { parsePe, sectionBytes } from '../../src/image/pe.ts';
import { buildUki } from '../../src/image/uki.ts';
import { code } from './codes.ts';
import { efiProgram, FIELDS, withNumber } from './efi-program.ts';
import { UKI_PARTS } from './uki-parts.ts';

const text = new TextDecoder();

describe('a UKI', () => {
  const uki = buildUki(UKI_PARTS);
  const file = parsePe(uki);
  const number = (at: number): number => file.view.getUint32(at, true);

  it('holds the parts in the order of ukify, each unchanged', () => {
    const names = ['.text', '.sbat', '.osrel', '.cmdline', '.uname', '.linux', '.initrd'];
    expect(file.sections.map(({ name }) => name)).toEqual(names);
    const held = ['.sbat', '.osrel', '.cmdline', '.uname', '.initrd'].map((name) =>
      text.decode(sectionBytes(file, name) ?? undefined),
    );
    expect(held).toEqual(['sbat,1\n', UKI_PARTS.osRelease, UKI_PARTS.commandLine, UKI_PARTS.release, 'an initrd']);
    expect(sectionBytes(file, '.linux')).toEqual(UKI_PARTS.kernel);
    expect(sectionBytes(file, '.dtb')).toBeNull();
  });

  it('places sections on pages of their own in memory and on blocks in the file, with zeros between', () => {
    const added = file.sections.slice(2);
    expect(added.map((s) => s.virtualAddress % 4096)).toEqual([0, 0, 0, 0, 0]);
    expect(added.map((s) => [s.fileOffset % 512, s.fileSize % 512])).toEqual(added.map(() => [0, 0]));
    file.sections.slice(1).forEach((section, i) => {
      const before = file.sections[i];
      expect(section.virtualAddress).toBeGreaterThanOrEqual((before?.virtualAddress ?? 0) + (before?.virtualSize ?? 0));
    });
    const [{ fileOffset, virtualSize, fileSize } = { fileOffset: 0, virtualSize: 0, fileSize: 0 }] = added;
    expect(uki.subarray(fileOffset + virtualSize, fileOffset + fileSize).every((byte) => byte === 0)).toBe(true);
    const last = file.sections.at(-1);
    expect(uki.length).toBe((last?.fileOffset ?? 0) + (last?.fileSize ?? 0));
  });

  it('says how large it is in memory, and has no checksum', () => {
    const last = file.sections.at(-1);
    expect(number(FIELDS.headersSize - 4)).toBe((last?.virtualAddress ?? 0) + 4096);
    expect(number(FIELDS.checksum)).toBe(0);
    expect(number(88 + 8)).toBe(file.sections.slice(2).reduce((sum, section) => sum + section.virtualSize, 0));
  });

  it('marks the kernel as code and the rest as data, all of it to be read only', () => {
    const flags = file.sections.slice(2).map((_, i) => number(FIELDS.firstSection + (i + 2) * 40 + 36));
    expect(flags).toEqual([0x4000_0040, 0x4000_0040, 0x4000_0040, 0x4000_0020, 0x4000_0040]);
  });

  it('keeps data from running only if its kernel can do with that', () => {
    const nx = (of: Uint8Array): number => parsePe(of).view.getUint16(FIELDS.characteristics, true) & 0x100;
    expect(nx(uki)).toBe(0x100);
    expect(nx(buildUki({ ...UKI_PARTS, kernel: efiProgram({ nxCompatible: false }) }))).toBe(0);
    expect(nx(buildUki({ ...UKI_PARTS, stub: efiProgram({ nxCompatible: false }) }))).toBe(0);
  });

  it('is the same for the same parts, and another for another command line', () => {
    expect(buildUki(UKI_PARTS)).toEqual(uki);
    expect(buildUki({ ...UKI_PARTS, commandLine: 'quiet panic=2' })).not.toEqual(uki);
  });

  it('leaves its parts as they were', () => {
    const before = [Uint8Array.from(UKI_PARTS.stub), Uint8Array.from(UKI_PARTS.kernel)];
    buildUki({ ...UKI_PARTS, kernel: UKI_PARTS.kernel });
    expect([UKI_PARTS.stub, UKI_PARTS.kernel]).toEqual(before);
  });
});

describe('what a UKI is not made of', () => {
  const { stub } = UKI_PARTS;
  const FIRST = FIELDS.firstSection;
  it.each([
    ['no bytes', new Uint8Array()],
    ['another program', encodeUtf8('\x7fELF'.padEnd(4096, '.'))],
    ['a PE header beyond the end', withNumber(stub, FIELDS.peOffset, stub.length - 8, 32)],
    ['no PE header', withNumber(stub, FIELDS.peSignature, 0, 32)],
    ['a program for 32 bits', withNumber(stub, FIELDS.magic, 0x10b, 16)],
    ['directories without certificates', withNumber(stub, FIELDS.directories, 4, 32)],
    ['an optional header that is too small', withNumber(stub, FIELDS.optionalSize, 100, 16)],
    ['headers beyond the end', withNumber(stub, FIELDS.headersSize, stub.length + 1, 32)],
    ['more sections than headers', withNumber(stub, FIELDS.sectionCount, 60, 16)],
    ['a section beyond the end', withNumber(stub, FIRST + 20, stub.length, 32)],
    ['a section on the headers', withNumber(stub, FIRST + 20, FIRST, 32)],
    ['two sections on the same bytes', withNumber(stub, FIRST + 40 + 20, 0x400, 32)],
    ['an alignment that is none', withNumber(stub, FIELDS.fileAlignment, 513, 32)],
    ['a signed stub', efiProgram({ signature: new Uint8Array(8) })],
    [
      'certificates that do not stand at its end',
      withNumber(efiProgram({ signature: new Uint8Array(16) }), FIELDS.certificates + 4, 8, 32),
    ],
    ['a stub that has such a section already', efiProgram({ sections: { '.linux': encodeUtf8('x') } })],
    [
      'a stub without room for more headers',
      efiProgram({ sections: Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`.s${i}`, encodeUtf8('x')])) }),
    ],
  ])('%s', (_name, broken) => {
    expect(code(() => buildUki({ ...UKI_PARTS, stub: broken }))).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it('a kernel that is no EFI program', () => {
    expect(code(() => buildUki({ ...UKI_PARTS, kernel: encodeUtf8('a kernel') }))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});
