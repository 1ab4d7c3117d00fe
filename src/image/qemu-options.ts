/**
 * What QEMU is started with for one machine of the image: as a SEV-SNP guest, or emulated on a host that has none. A pure function; it starts nothing,
 * and what it says of the machine decides the launch digest only through kernel, initrd, command line, firmware, vCPUs and CPU type.
 * (QEMU 10, docs/system/i386/amd-memory-encryption.rst and qemu-options.hx.)
 */
import { encodeBase64 } from '../base/bytes.ts';

/** Where the gate listens inside. */
export const GUEST_PORT = 8443;

/** SMT may be on, as on most hosts; no debugging and no migration agent. [SNP-ABI 1.58 Table 9] */
const GUEST_POLICY = '0x30000';
/** The same on every processor with SEV-SNP; QEMU compares it with the host's and ends when it differs. [AMD APM 3, Fn8000_001F EBX] */
const C_BIT_POSITION = 51;
const REDUCED_ADDRESS_BITS = 1;

/** The files of an image on this host, and the text of its command line. */
export interface BootFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  readonly firmware: string;
}

/** One machine: an image, its shape, and what it is given. */
export interface GuestMachine {
  readonly files: BootFiles;
  readonly vcpus: number;
  /** A CPU type of QEMU's, such as EPYC-v4. */
  readonly cpu: string;
  readonly memoryMb: number;
  /** The port on this host's loopback that leads to the gate. */
  readonly port: number;
  readonly config: {
    /** The file of the configuration; the machine reads it as a disk. */
    readonly path: string;
    /** Its SHA-256, which the firmware puts into every report of the machine. */
    readonly digest: Uint8Array;
  };
}

/** What carries the machine: the processor's SEV-SNP, or nothing but QEMU's emulation, which hides nothing from the host. */
export type Carrier = 'sev-snp' | 'emulated';

/** A value in a list of QEMU's, where a comma ends it unless it is doubled. */
function quote(value: string): string {
  return value.replaceAll(',', ',,');
}

function carrierOptions(machine: GuestMachine, carrier: Carrier): readonly string[] {
  const { files, memoryMb, config } = machine;
  if (carrier === 'emulated') return ['-machine', 'q35,vmport=off', '-accel', 'tcg'];
  const guest = [
    'sev-snp-guest',
    'id=snp',
    `cbitpos=${C_BIT_POSITION}`,
    `reduced-phys-bits=${REDUCED_ADDRESS_BITS}`,
    `policy=${GUEST_POLICY}`,
    // Without it the firmware would start whatever kernel the host hands in.
    'kernel-hashes=on',
    `host-data=${encodeBase64(config.digest)}`,
  ];
  return [
    '-machine',
    'q35,vmport=off,confidential-guest-support=snp,memory-backend=memory',
    '-accel',
    'kvm',
    '-object',
    `memory-backend-memfd,id=memory,size=${memoryMb}M,share=true,prealloc=false`,
    '-object',
    guest.join(','),
    '-bios',
    files.firmware,
  ];
}

/** Gives the arguments of `qemu-system-x86_64`; the name of an emulated machine says SIMULATED, for who looks at the processes of the host. */
export function qemuOptions(machine: GuestMachine, carrier: Carrier): readonly string[] {
  const { files, vcpus, cpu, memoryMb, port, config } = machine;
  // Encrypted memory cannot be reached by devices that do not go through the guest's own bounce buffers.
  const device = 'disable-legacy=on,iommu_platform=on';
  return [
    '-name',
    carrier === 'emulated' ? 'anchorhold-SIMULATED' : 'anchorhold',
    '-no-user-config',
    '-nodefaults',
    '-display',
    'none',
    '-no-reboot',
    ...carrierOptions(machine, carrier),
    '-cpu',
    cpu,
    '-smp',
    String(vcpus),
    '-m',
    `${memoryMb}M`,
    '-kernel',
    files.kernel,
    '-initrd',
    files.initrd,
    '-append',
    files.commandLine,
    '-netdev',
    `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:${GUEST_PORT}`,
    '-device',
    `virtio-net-pci,netdev=net,romfile=,${device}`,
    '-blockdev',
    `driver=raw,node-name=config,read-only=on,file.driver=file,file.filename=${quote(config.path)}`,
    '-device',
    `virtio-blk-pci,drive=config,${device}`,
    '-serial',
    'stdio',
  ];
}

/** Writes a command as one line that a POSIX shell reads back as it was. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}
