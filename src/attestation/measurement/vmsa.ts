/**
 * The first state of a virtual processor as each kind of host sets it: one page, most of it zero. The host chooses these values, and a
 * guest with others has another launch digest. [AMD APM Table B-4]
 */
import { ConfigurationError } from '../../errors.ts';
import { type CpuType, familyAndModel } from './cpu.ts';
import { PAGE_SIZE } from './launch-digest.ts';

/** Names the kinds of hosts: QEMU with KVM, Amazon EC2, Google Compute Engine. */
export type Vmm = 'qemu' | 'ec2' | 'gce';

/** Lists them. */
export const VMMS: readonly Vmm[] = ['qemu', 'ec2', 'gce'];

/** Where the first processor begins: the reset vector. */
export const RESET_VECTOR: number = 0xfffffff0;

/** What one processor begins with; `cpu` may be null where the host does not show its signature. */
export interface ProcessorStart {
  readonly vmm: Vmm;
  readonly cpu: CpuType | null;
  readonly address: number;
  readonly guestFeatures: bigint;
}

/** What differs between hosts: attributes of three segments, and a few registers. */
interface HostHabits {
  readonly codeAttributes: number;
  readonly stackAttributes: number;
  readonly taskAttributes: number;
  readonly pageAttributeTable: bigint;
  readonly mxcsr: number;
  readonly x87Control: number;
}

const PAT_RESET = 0x0007040600070406n;

const HABITS: Readonly<Record<Vmm, HostHabits>> = {
  qemu: {
    codeAttributes: 0x9b,
    stackAttributes: 0x93,
    taskAttributes: 0x8b,
    pageAttributeTable: PAT_RESET,
    mxcsr: 0x1f80,
    x87Control: 0x37f,
  },
  ec2: {
    codeAttributes: 0x9b,
    stackAttributes: 0x92,
    taskAttributes: 0x83,
    pageAttributeTable: PAT_RESET,
    mxcsr: 0,
    x87Control: 0,
  },
  gce: {
    codeAttributes: 0x9b,
    stackAttributes: 0x93,
    taskAttributes: 0x8b,
    pageAttributeTable: 0x00070106n,
    mxcsr: 0,
    x87Control: 0,
  },
};

/** Gives the attributes of CS: EC2 starts the first processor with a segment that has not been accessed yet. */
function codeAttributes(vmm: Vmm, address: number): number {
  return vmm === 'ec2' && address === RESET_VECTOR ? 0x9a : HABITS[vmm].codeAttributes;
}

/** What RDX begins with: QEMU shows the processor's signature as real hardware does, the clouds a constant. */
function dataRegister(vmm: Vmm, cpu: CpuType | null): number {
  if (vmm !== 'qemu') return 0x600;
  if (cpu !== null) return cpu.signature;
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', 'on QEMU the digest depends on the CPU type: name one');
}

/**
 * Encodes the first state of a processor: 4096 bytes.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE when QEMU is meant and the CPU type is missing
 */
export function encodeVmsa({ vmm, cpu, address, guestFeatures }: ProcessorStart): Uint8Array<ArrayBuffer> {
  const page = new Uint8Array(PAGE_SIZE);
  const view = new DataView(page.buffer);
  const segment = (at: number, selector: number, attributes: number, base: number): void => {
    view.setUint16(at, selector, true);
    view.setUint16(at + 2, attributes, true);
    view.setUint32(at + 4, 0xffff, true);
    view.setBigUint64(at + 8, BigInt(base), true);
  };
  const register = (at: number, value: number | bigint): void => view.setBigUint64(at, BigInt(value), true);
  const habits = HABITS[vmm];
  // A processor starts at CS base + RIP: the upper half of the address is the base, the lower the instruction pointer.
  const instruction = address % 0x10000;
  segment(0x000, 0, 0x93, 0); // ES
  segment(0x010, 0xf000, codeAttributes(vmm, address), address - instruction); // CS
  segment(0x020, 0, habits.stackAttributes, 0); // SS
  segment(0x030, 0, 0x93, 0); // DS
  segment(0x040, 0, 0x93, 0); // FS
  segment(0x050, 0, 0x93, 0); // GS
  segment(0x060, 0, 0, 0); // GDTR
  segment(0x070, 0, 0x82, 0); // LDTR
  segment(0x080, 0, 0, 0); // IDTR
  segment(0x090, 0, habits.taskAttributes, 0); // TR
  register(0x0d0, 0x1000); // EFER
  register(0x148, 0x40); // CR4
  register(0x158, 0x10); // CR0
  register(0x160, 0x400); // DR7
  register(0x168, 0xffff0ff0); // DR6
  register(0x170, 2); // RFLAGS
  register(0x178, instruction); // RIP
  register(0x268, habits.pageAttributeTable); // G_PAT
  register(0x310, dataRegister(vmm, cpu)); // RDX
  register(0x3b0, guestFeatures); // SEV_FEATURES
  register(0x3e8, 1); // XCR0
  view.setUint32(0x408, habits.mxcsr, true);
  view.setUint16(0x410, habits.x87Control, true);
  return page;
}

/** The last page below 2^48 and below 2^52: where a host says that the state of a processor lies. */
const BELOW_48_BITS = 2 ** 48 - PAGE_SIZE;
const BELOW_52_BITS = 2 ** 52 - PAGE_SIZE;

/**
 * Gives the guest address that a processor's first state is measured at. On GCE it is as wide as the processor's physical addresses; when
 * no CPU type is named there, it is Milan's.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE for a processor of which it is not known what GCE does
 */
export function vmsaAddress(vmm: Vmm, cpu: CpuType | null): number {
  if (vmm !== 'gce' || cpu === null) return BELOW_48_BITS;
  const { family, model } = familyAndModel(cpu.signature);
  if (family === 0x17 || (family === 0x19 && model < 0x10)) return BELOW_48_BITS;
  if (family === 0x19 && model >= 0x10 && model < 0x20) return BELOW_52_BITS;
  throw new ConfigurationError(
    'ERR_CONFIGURATION_USAGE',
    `it is not known where GCE puts the processor state of ${cpu.name}: only Milan (48 bits) and Genoa (52 bits) are`,
  );
}
