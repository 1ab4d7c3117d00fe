/** What the tests of whole machines need, and what of it this machine lacks, in words: image, QEMU, firmware, software TPM. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { QEMU } from '../../src/image/qemu.ts';
import { readTestPrograms } from './programs.ts';

/** Where `make image` writes. */
export const IMAGE: string = resolve(import.meta.dirname, '../../.anchorhold/image');

/** Generic UEFI firmware with TPM support, as Debian's `ovmf` has it. */
export const UEFI: Readonly<Record<'code' | 'variables', string>> = {
  code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
  variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
};

function outputOf(command: string, ...args: string[]): string {
  return spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '';
}

type Need = 'image' | 'qemu' | 'uefi' | 'tpm' | 'programs';

const CHECKS: Readonly<Record<Need, () => string | null>> = {
  image: () => (existsSync(join(IMAGE, 'manifest.json')) ? null : 'there is no image: run `make image`'),
  qemu: () => {
    const [, version] = /version (\d+)\./.exec(outputOf(QEMU, '--version')) ?? [];
    return Number(version) >= 10 ? null : 'QEMU 10 is not here: run tools/setup-qemu.sh';
  },
  uefi: () => (existsSync(UEFI.code) ? null : 'there is no UEFI firmware: run tools/setup-qemu.sh'),
  programs: () =>
    readTestPrograms() === null ? 'the test module and the probe are not built: run `make test-boot`' : null,
  tpm: () => (outputOf('swtpm', '--version') === '' ? 'swtpm is not here: run tools/setup-qemu.sh' : null),
};

/** Says what is lacking, or null. */
export function lackOf(needs: readonly Need[]): string | null {
  return needs.map((need) => CHECKS[need]()).find((lack) => lack !== null) ?? null;
}

/** How long a test may take that boots a machine: emulated on a busy host, Node starts in a minute. For `vi.setConfig`. */
export const BOOT_TIMEOUTS: Readonly<Record<'testTimeout' | 'hookTimeout', number>> = {
  testTimeout: 300_000,
  hookTimeout: 300_000,
};
