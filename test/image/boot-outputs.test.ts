/** What a cloud is given: every output holds the same program, and the registers are of it. */
import { describe, expect, it } from 'vitest';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { type BootFiles, makeBootOutputs } from '../../src/image/boot-outputs.ts';
import { kernelRelease } from '../../src/image/kernel-release.ts';
import { predictPcrs } from '../../src/image/pcr.ts';
import { parsePe, sectionBytes } from '../../src/image/pe.ts';
import { code } from './codes.ts';
import { bzImage, efiProgram, withNumber } from './efi-program.ts';
import { readFat32, readGpt, readVmdk } from './read-disk.ts';

const boot: BootFiles = {
  stub: efiProgram({ sections: { '.text': encodeUtf8('stub'), '.sbat': encodeUtf8('sbat,1\n') } }),
  kernel: bzImage('6.12.117+deb13-cloud-amd64'),
  initrd: encodeUtf8('an initrd'),
  commandLine: 'quiet panic=1',
  version: '0.1.0',
};

describe('the outputs for clouds', () => {
  const bundle = encodeUtf8('AHCONFIG and so on');
  const { files, pcrs } = makeBootOutputs(boot, bundle);
  const [uki, raw, vmdk] = ['anchorhold.efi', 'anchorhold.raw', 'anchorhold.vmdk'].map(
    (name) => files.get(name) ?? new Uint8Array(),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const section = (name: string): string => new TextDecoder().decode(sectionBytes(parsePe(uki), name) ?? undefined);

  it('are a UKI that names its kernel, its command line and its version', () => {
    expect(section('.uname')).toBe('6.12.117+deb13-cloud-amd64');
    expect(section('.cmdline')).toBe('quiet panic=1');
    expect(section('.osrel')).toBe(
      'ID=anchorhold\nNAME=Anchorhold\nPRETTY_NAME="Anchorhold 0.1.0"\nVERSION_ID=0.1.0\n',
    );
  });

  it('are a disk with that UKI and the configuration, in two forms', () => {
    const [system, configuration] = readGpt(raw);
    expect(Buffer.compare(readFat32(system?.bytes ?? raw, 'EFI/BOOT/BOOTX64.EFI') ?? raw, uki)).toBe(0);
    expect(configuration?.bytes.subarray(0, bundle.length)).toEqual(bundle);
    expect(Buffer.compare(readVmdk(vmdk), raw)).toBe(0);
  });

  it('come with the registers of that UKI, in both banks', () => {
    const of = (bank: 'sha256' | 'sha384'): Record<string, string> => {
      const { pcr4, pcr11 } = predictPcrs(uki, bank);
      return { '4': encodeHex(pcr4), '11': encodeHex(pcr11) };
    };
    expect(pcrs).toEqual({ sha256: of('sha256'), sha384: of('sha384') });
  });
});

describe('the release of a kernel', () => {
  const kernel = bzImage('6.12.0-test');
  it.each([
    ['no bzImage', efiProgram()],
    ['nothing', new Uint8Array()],
    ['no pointer to its name', withNumber(kernel, 0x20e, 0, 16)],
    ['a pointer beyond its end', withNumber(kernel, 0x20e, 0xffff, 16)],
    ['a name that is none', bzImage('\u0001')],
    ['a name that does not end', bzImage('6'.repeat(100))],
  ])('is not read from %s', (_name, broken) => {
    expect(code(() => kernelRelease(broken))).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it('ends where its builder is named, or with a zero', () => {
    expect(kernelRelease(kernel)).toBe('6.12.0-test');
    expect(kernelRelease(withNumber(kernel, 0x300 + 11, 0, 16))).toBe('6.12.0-test');
  });
});
