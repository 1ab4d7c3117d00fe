/**
 * The launch digests of one image on machines of several shapes. What all shapes share (firmware, sections, kernel hashes) is measured
 * once; each shape then adds the first state of its processors. Decides also whether kernel hashes may be promised at all.
 */
import { encodeHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';
import type { CpuType } from './cpu.ts';
import { type EnforcingFirmware, isEnforcing } from './enforcing-firmware.ts';
import type { Firmware, Section, SectionKind } from './firmware.ts';
import { type DirectBoot, kernelHashesPage } from './kernel-hashes.ts';
import { type BlankKind, LaunchDigest, type Sha384 } from './launch-digest.ts';
import { encodeVmsa, RESET_VECTOR, type Vmm, vmsaAddress } from './vmsa.ts';

/** What is launched, and on which shapes of machines. */
export interface LaunchMatrix {
  readonly vmm: Vmm;
  readonly firmware: Firmware;
  /** Launch digest of the firmware's pages alone, 48 bytes: what `measureFirmware` gives, or what someone published. */
  readonly firmwareDigest: Uint8Array;
  /** null when the disk's boot loader starts the kernel, which is then not measured. */
  readonly boot: DirectBoot | null;
  /** The firmware that may be trusted to compare kernel hashes; `"unchecked"` trusts any, and must be spelled out by a person. */
  readonly enforcing: readonly EnforcingFirmware[] | 'unchecked';
  readonly guestFeatures: bigint;
  readonly vcpus: readonly number[];
  /** null stands for a CPU type that the host does not show. */
  readonly cpus: readonly (CpuType | null)[];
}

/** One row of the matrix; the digest is 48 bytes. */
export interface ShapeDigest {
  readonly vcpus: number;
  readonly cpu: CpuType | null;
  readonly digest: Uint8Array;
}

/** Measures the pages of a firmware: the launch digest so far, 48 bytes. */
export function measureFirmware(firmware: Firmware, sha384: Sha384): Uint8Array {
  const digest = new LaunchDigest(sha384);
  digest.addContents(firmware.address, firmware.bytes);
  return digest.value;
}

/** As what kind of page each section is measured; kernel hashes are zeros when no kernel is booted directly. */
const PAGE_KINDS: Readonly<Record<SectionKind, BlankKind>> = {
  memory: 'zero',
  secrets: 'secrets',
  cpuid: 'cpuid',
  'calling-area': 'zero',
  'kernel-hashes': 'zero',
};

function pageKind({ kind }: Section, vmm: Vmm): BlankKind {
  return vmm === 'gce' && kind === 'memory' ? 'unmeasured' : PAGE_KINDS[kind];
}

/** Measures the sections after the firmware, in the order of its table; EC2 adds the CPUID page last. */
function measureSections(
  { vmm, firmware, firmwareDigest }: LaunchMatrix,
  hashes: Uint8Array | null,
  sha384: Sha384,
): Uint8Array {
  const isLast = (section: Section): boolean => vmm === 'ec2' && section.kind === 'cpuid';
  const { sections } = firmware;
  const ordered = [...sections.filter((s) => !isLast(s)), ...sections.filter(isLast)];
  const digest = new LaunchDigest(sha384, firmwareDigest);
  for (const section of ordered) {
    if (section.kind === 'kernel-hashes' && hashes !== null) digest.addContents(section.address, hashes);
    else digest.addBlank(pageKind(section, vmm), section);
  }
  return digest.value;
}

/** Where the processors after the first begin; asked for only when there are any. */
function resetAddress(firmware: Firmware): number {
  if (firmware.resetAddress !== null) return firmware.resetAddress;
  throw new ConfigurationError(
    'ERR_CONFIGURATION_FILE',
    'the firmware does not say where further processors begin (it has no SEV-ES reset block), so only 1 vCPU can be measured',
  );
}

/** Measures one CPU type at all counts: the chain of the largest count passes through all smaller ones. */
function measureCounts(
  matrix: LaunchMatrix,
  cpu: CpuType | null,
  prefix: Uint8Array,
  sha384: Sha384,
): readonly ShapeDigest[] {
  const { vmm, guestFeatures, firmware, vcpus } = matrix;
  const address = vmsaAddress(vmm, cpu);
  const stateAt = (start: number): Uint8Array => sha384(encodeVmsa({ vmm, cpu, address: start, guestFeatures }));
  const largest = Math.max(...vcpus);
  const first = stateAt(RESET_VECTOR);
  const further = largest > 1 ? stateAt(resetAddress(firmware)) : first;
  const rows: ShapeDigest[] = [];
  const digest = new LaunchDigest(sha384, prefix);
  for (let count = 1; count <= largest; count++) {
    digest.addPage('vmsa', address, count === 1 ? first : further);
    if (vcpus.includes(count)) rows.push({ vcpus: count, cpu, digest: digest.value });
  }
  return rows;
}

/** Refuses to promise a kernel that the firmware may not hold to. */
function checkEnforcement({ boot, enforcing, firmwareDigest }: LaunchMatrix): void {
  if (boot === null || enforcing === 'unchecked' || isEnforcing(firmwareDigest, enforcing)) return;
  throw new ConfigurationError(
    'ERR_CONFIGURATION_FILE',
    `the firmware ${encodeHex(firmwareDigest)} is not one that is known to refuse a kernel with another hash: ` +
      'its digest would say nothing about the kernel that runs (docs/measure.md says what can be done)',
  );
}

/**
 * Measures an image on every shape, each once: each count with each CPU type, in the order in which they are named.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE for shapes that cannot be, ERR_CONFIGURATION_FILE for a firmware that lacks what they need
 */
export function measureMatrix(matrix: LaunchMatrix, sha384: Sha384): readonly ShapeDigest[] {
  const impossible = matrix.vcpus.find((n) => !Number.isInteger(n) || n < 1 || n > LIMITS.vcpus);
  if (impossible !== undefined || matrix.vcpus.length === 0) {
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `vCPU counts are whole numbers from 1 to ${LIMITS.vcpus}`);
  }
  const hashes = matrix.boot === null ? null : kernelHashesPage(matrix.firmware, matrix.boot);
  checkEnforcement(matrix);
  const prefix = measureSections(matrix, hashes, sha384);
  const rows = matrix.cpus.flatMap((cpu) => measureCounts(matrix, cpu, prefix, sha384));
  return rows.toSorted((a, b) => matrix.vcpus.indexOf(a.vcpus) - matrix.vcpus.indexOf(b.vcpus));
}
