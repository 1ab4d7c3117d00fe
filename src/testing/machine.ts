/**
 * A healthy machine of late 2026 for each product line, as a report that the strict requirements accept, with every field replaceable.
 * [SNP-ABI 1.58 Table 23]
 */
import type { Cpuid, Product } from '../attestation/snp/product.ts';
import type { AttestationReport, FirmwareVersion, Signer } from '../attestation/snp/report.ts';
import type { Tcb } from '../attestation/snp/tcb.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { sha384 } from '../base/digest.ts';

/** The report formats that the simulated AMD issues. */
export type ReportVersion = 2 | 3 | 4 | 5;

/** The launch measurement of a simulated machine that is given no other: SHA-384 of a fixed text, 48 bytes. */
export const SIMULATED_MEASUREMENT: Uint8Array = sha384(encodeUtf8('anchorhold simulated image'));

/** What a request for a report may say; every field of the report can be replaced, and the rest is a healthy machine. */
export interface ReportFields extends Partial<Omit<AttestationReport, 'version' | 'signature'>> {
  /** Default Genoa. */
  readonly product?: Product;
  /** Default 5. */
  readonly version?: ReportVersion;
  /** Default VCEK. */
  readonly signer?: Signer;
}

interface Health {
  readonly cpuid: Cpuid;
  readonly tcb: Tcb;
  readonly firmware: FirmwareVersion;
  readonly platformInfo: bigint;
  readonly mitigations: bigint;
}

/** SMT, ECC and the alias check; Turin also reports safe IOMMU writes. */
const HEALTH: Readonly<Record<Product, Health>> = {
  Milan: {
    cpuid: { family: 0x19, model: 0x01, stepping: 1 },
    tcb: { fmc: null, bootloader: 4, tee: 0, snp: 0x1b, microcode: 0xde },
    firmware: { major: 1, minor: 55, build: 49 },
    platformInfo: 0x25n,
    mitigations: 0xbn,
  },
  Genoa: {
    cpuid: { family: 0x19, model: 0x11, stepping: 1 },
    tcb: { fmc: null, bootloader: 10, tee: 0, snp: 0x1b, microcode: 0x58 },
    firmware: { major: 1, minor: 55, build: 49 },
    platformInfo: 0x25n,
    mitigations: 0xbn,
  },
  Turin: {
    cpuid: { family: 0x1a, model: 0x02, stepping: 1 },
    tcb: { fmc: 0, bootloader: 1, tee: 0, snp: 4, microcode: 0x51 },
    firmware: { major: 1, minor: 55, build: 65 },
    platformInfo: 0x65n,
    mitigations: 0x3fn,
  },
};

/** Describes the report of a healthy machine apart from what `machine` replaces; `chip` is the 64-byte id of the simulated chip. */
export function describeReport(machine: ReportFields, chip: Uint8Array): AttestationReport {
  const { product = 'Genoa', version = 5, signer = 'VCEK', ...fields } = machine;
  const { cpuid, tcb, firmware, platformInfo, mitigations } = HEALTH[product];
  const chipId = new Uint8Array(64);
  // A VLEK names no chip, and Turin's ids have 8 bytes.
  if (signer === 'VCEK') chipId.set(chip.subarray(0, product === 'Turin' ? 8 : 64));
  return {
    version,
    guestSvn: 0,
    guestPolicy: 0x30000n,
    familyId: new Uint8Array(16),
    imageId: new Uint8Array(16),
    vmpl: 0,
    signatureAlgorithm: 1,
    currentTcb: tcb,
    platformInfo,
    keyInfo: { authorKeyEnabled: false, chipKeyMasked: false, signer },
    reportData: new Uint8Array(64),
    measurement: SIMULATED_MEASUREMENT,
    hostData: new Uint8Array(32),
    idKeyDigest: new Uint8Array(48),
    authorKeyDigest: new Uint8Array(48),
    reportId: chip.subarray(32, 64),
    reportIdMa: new Uint8Array(32).fill(0xff),
    reportedTcb: tcb,
    cpuid: version < 3 ? null : cpuid,
    chipId,
    committedTcb: tcb,
    currentFirmware: firmware,
    committedFirmware: firmware,
    launchTcb: tcb,
    launchMitigations: version < 5 ? null : mitigations,
    currentMitigations: version < 5 ? null : mitigations,
    ...fields,
    signature: { r: 0n, s: 0n },
  };
}
