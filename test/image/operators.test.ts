/** What operators are told, held against the code: the QEMU command and the unit of docs/operators/qemu.md, and what KMS is to compare. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PRODUCTION_COMMAND_LINE } from '../../src/image/command-line.ts';
import { QEMU } from '../../src/image/qemu.ts';
import { type GuestMachine, qemuOptions } from '../../src/image/qemu-options.ts';
import { shellCommands } from '../repo/block-claims.ts';
import { extractBlocks } from '../repo/code-blocks.ts';
import { readText } from '../repo/tree.ts';
import { skipUnless } from '../skips.ts';
import { parseUnit } from './systemd-unit.ts';

const blocks = (page: string) => extractBlocks(page, readText(page));
const PAGE = 'docs/operators/qemu.md';
const FOLDER = '/opt/anchorhold/image';

/** The machine of the page; the digest of its configuration is made up. */
const MACHINE: GuestMachine = {
  files: {
    kernel: `${FOLDER}/vmlinuz`,
    initrd: `${FOLDER}/initrd.img`,
    commandLine: PRODUCTION_COMMAND_LINE,
    firmware: `${FOLDER}/OVMF.amdsev.fd`,
  },
  vcpus: 2,
  cpu: 'EPYC-v4',
  memoryMb: 512,
  port: 8443,
  config: { path: '/etc/anchorhold/machine.config', digest: new Uint8Array(32).fill(0xa1) },
};
const OPTIONS = qemuOptions(MACHINE, 'sev-snp');

const unitText = blocks(PAGE).find(({ language }) => language === 'ini')?.text ?? '';

function hasAnalyze(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the QEMU command of the page', () => {
  it('is what `image boot` starts on a host with SEV-SNP, word for word', () => {
    const commands = blocks(PAGE)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => shellCommands(text))
      .filter(([program]) => program === QEMU);
    expect(commands).toEqual([[QEMU, ...OPTIONS]]);
  });
});

describe('the unit of the page', () => {
  const unit = parseUnit(unitText);

  it('starts the same command, as a user who is not root', () => {
    expect(unit.values('Service', 'ExecStart').flatMap((line) => shellCommands(line))).toEqual([
      [`/usr/bin/${QEMU}`, ...OPTIONS],
    ]);
    expect(unit.values('Service', 'User')).toEqual(['anchorhold']);
  });

  it('has the sections of a service and no other, and each setting once, but for the devices', () => {
    expect(unit.sections).toEqual(['Unit', 'Service', 'Install']);
    expect(unit.repeated()).toEqual(['Service.DeviceAllow']);
  });

  it('reaches the two devices that it needs, and nothing of the system', () => {
    expect(unit.values('Service', 'DevicePolicy')).toEqual(['closed']);
    expect(unit.values('Service', 'DeviceAllow')).toEqual(['/dev/kvm rw', '/dev/sev rw']);
    for (const name of ['NoNewPrivileges', 'ProtectHome', 'PrivateTmp', 'RestrictNamespaces'])
      expect([name, unit.values('Service', name)]).toEqual([name, ['yes']]);
  });

  skipUnless(hasAnalyze(), 'there is no systemd-analyze here')('is taken by systemd without a complaint', () => {
    const folder = mkdtempSync(join(tmpdir(), 'anchorhold-unit-'));
    try {
      const path = join(folder, 'anchorhold.service');
      // Verifying looks for the program, which most machines do not have; everything else stays.
      writeFileSync(path, unitText.replace(`/usr/bin/${QEMU}`, '/bin/true'));
      const output = execFileSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8', stdio: 'pipe' });
      expect(output).toBe('');
      writeFileSync(path, unitText.replace('[Service]', '[Service]\nExecStart=/no/such/program\nType=nothing'));
      expect(() => execFileSync('systemd-analyze', ['verify', '--man=no', path], { stdio: 'pipe' })).toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the key policy of the page on AWS', () => {
  it('asks for SHA-384 values of the boot program, and for nothing beside it', () => {
    const [text = ''] = blocks('docs/operators/aws.md').flatMap((b) => (b.language === 'json' ? [b.text] : []));
    const { Condition: condition } = JSON.parse(text) as { Condition: Record<string, Record<string, string>> };
    expect(Object.keys(condition)).toEqual(['StringEquals']);
    const values = condition['StringEquals'] ?? {};
    expect(Object.keys(values)).toEqual([4, 12].map((pcr) => `kms:RecipientAttestation:NitroTPMPCR${pcr}`));
    for (const value of Object.values(values)) expect(value).toMatch(/^[0-9a-f]{96}$/);
    expect(values['kms:RecipientAttestation:NitroTPMPCR12']).toBe('00'.repeat(48));
  });
});
