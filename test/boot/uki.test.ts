/** The disk of the image under UEFI firmware with a TPM: the registers hold what the manifest says, so a verifier knows them beforehand. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, vi } from 'vitest';
import { encodeHex } from '../../src/base/bytes.ts';
import { skipUnless } from '../skips.ts';
import { startMachine } from './machine.ts';
import { BOOT_TIMEOUTS, IMAGE, lackOf, UEFI } from './needs.ts';
import { type Bank, startSoftwareTpm } from './software-tpm.ts';

const lack = lackOf(['image', 'qemu', 'uefi', 'tpm']);
const test = skipUnless(lack === null, lack ?? '');
vi.setConfig(BOOT_TIMEOUTS);

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-uki-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A machine as a cloud has them: UEFI, a TPM, and the image as its only disk. */
function cloudOptions(tpm: readonly string[], variables: string): readonly string[] {
  const disk = `driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename=${join(IMAGE, 'anchorhold.raw')}`;
  const shape = '-no-user-config -nodefaults -display none -no-reboot -machine q35 -accel tcg -cpu EPYC-v4 -m 512M';
  return [
    ...shape.split(' '),
    '-serial',
    'stdio',
    '-drive',
    `if=pflash,unit=0,format=raw,readonly=on,file=${UEFI.code}`,
    '-drive',
    `if=pflash,unit=1,format=raw,file=${variables}`,
    '-blockdev',
    disk,
    '-device',
    'virtio-blk-pci,drive=disk',
    ...tpm,
  ];
}

describe('a machine that started the disk of the image', () => {
  test('has measured what the manifest says, and nothing from outside of the disk', async () => {
    const { pcrs } = JSON.parse(readFileSync(join(IMAGE, 'manifest.json'), 'utf8')) as {
      pcrs: Record<Bank, Record<'4' | '11', string>>;
    };
    const variables = join(folder, 'variables.fd');
    copyFileSync(UEFI.variables, variables);
    await using tpm = await startSoftwareTpm(folder);
    {
      await using machine = await startMachine(cloudOptions(tpm.options, variables));
      // The kernel runs, so firmware and stub have measured everything that they will.
      await machine.said(/^anchorhold: /);
    }
    for (const bank of ['sha256', 'sha384'] as const) {
      const read = async (index: number): Promise<string> => encodeHex(await tpm.readPcr(bank, index));
      expect({ 4: await read(4), 11: await read(11) }).toEqual(pcrs[bank]);
      // What would come from beside the UKI: add-ons, credentials, system extensions. [UAPI.5 UKI]
      for (const index of [12, 13]) expect(await read(index)).toMatch(/^0+$/);
    }
  });
});
