/** Machines for the doctor, every part of them replaceable: a host and a guest that lack nothing. */
import { ENFORCING_FIRMWARE } from '../../../src/attestation/measurement/enforcing-firmware.ts';
import type { MachineView, TsmEntry } from '../../../src/image/doctor/machine-view.ts';

/** A machine as plain values; what is not listed is not there. */
export interface FakeMachine {
  readonly files: Readonly<Record<string, string>>;
  /** Devices and folders, and whether this user may use them. */
  readonly devices: Readonly<Record<string, boolean>>;
  /** What programs write, by their whole command. */
  readonly programs: Readonly<Record<string, string>>;
  readonly tsm: TsmEntry | null;
  readonly firmware: string | null;
  /** null where nobody may be asked. */
  readonly kdsAnswers: boolean | null;
  readonly now: Date;
}

const cpuinfo = (flags: string, vendor = 'AuthenticAMD'): string =>
  `processor\t: 0\nvendor_id\t: ${vendor}\nmodel name\t: AMD EPYC 9354 32-Core Processor\nflags\t\t: fpu ${flags}\nbugs\t\t: none\n`;

export const HOST: FakeMachine = {
  files: {
    '/proc/cpuinfo': cpuinfo('sev sev_es sev_snp'),
    '/proc/cmdline': 'BOOT_IMAGE=/vmlinuz quiet',
    '/proc/sys/kernel/osrelease': '6.12.117+deb13-amd64\n',
    '/sys/module/kvm_amd/parameters/sev_snp': 'Y\n',
  },
  devices: { '/dev/kvm': true, '/dev/sev': true, '/sys/class/iommu/ivhd0': true },
  programs: {
    'qemu-system-x86_64 --version': 'QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\n',
    'qemu-system-x86_64 -object help':
      'List of user creatable objects:\n  sev-guest\n  sev-snp-guest\n  tls-creds-x509\n',
  },
  tsm: null,
  firmware: ENFORCING_FIRMWARE[0]?.sha256 ?? null,
  kdsAnswers: true,
  now: new Date('2026-12-01T12:00:00Z'),
};

export const RULES: string = JSON.stringify({
  nftables: [{ metainfo: { version: '1.1.3' } }, { table: { family: 'inet', name: 'anchorhold' } }],
});

export const GUEST: FakeMachine = {
  files: {
    '/proc/cpuinfo': cpuinfo('rdrand rdseed'),
    '/proc/sys/kernel/random/entropy_avail': '256\n',
  },
  devices: { '/dev/sev-guest': true, '/sys/kernel/config/tsm/report': true },
  programs: { 'nft -j list ruleset': RULES },
  tsm: { provider: 'sev_guest', privilegeFloor: '0' },
  firmware: null,
  kdsAnswers: true,
  now: HOST.now,
};

export { cpuinfo };

/** Shows a machine to the doctor. */
export function viewOf({ files, devices, programs, tsm, firmware, kdsAnswers, now }: FakeMachine): MachineView {
  return {
    readFile: (path) => files[path] ?? null,
    exists: (path) => Object.hasOwn(devices, path) || Object.hasOwn(files, path),
    mayUse: (path) => devices[path] === true,
    run: async (program, args) => programs[[program, ...args].join(' ')] ?? null,
    readTsm: async () => tsm,
    firmware: { path: '/image/OVMF.amdsev.fd', sha256: firmware },
    kds: kdsAnswers === null ? null : { url: 'https://kds.example', answers: async () => kdsAnswers },
    now,
  };
}
