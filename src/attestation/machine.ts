/**
 * The isolation stage as far as the report decides it: guest policy, privilege level, platform, TCB floors, firmware, mitigations, chip
 * and identity against `machine` of the trust file. The report is authentic when this runs. [SNP-ABI 1.58 GUEST_POLICY, PLATFORM_INFO, ATTESTATION_REPORT]
 */
import type { Check } from '../appraisal.ts';
import { encodeHex, isZero } from '../base/bytes.ts';
import type { CheckId } from './check-table.ts';
import { makeCheck, skipCheck } from './checks.ts';
import type { BitDemand, GuestPolicyBit, HexDemand, Machine, PlatformBit } from './requirements.ts';
import type { Product } from './snp/product.ts';
import { type AttestationReport, formatFirmware } from './snp/report.ts';
import { checkFirmware, checkTcb } from './tcb-demands.ts';

/** Where each bit of the guest policy stands. [SNP-ABI 1.58 GUEST_POLICY] */
const GUEST_POLICY: readonly (readonly [GuestPolicyBit, bigint, CheckId])[] = [
  ['debug', 19n, 'guest-policy-debug'],
  ['migrationAgent', 18n, 'guest-policy-migration-agent'],
  ['smt', 16n, 'guest-policy-smt'],
  ['singleSocket', 20n, 'guest-policy-single-socket'],
  ['cxl', 21n, 'guest-policy-cxl'],
  ['memAes256Xts', 22n, 'guest-policy-mem-aes-256-xts'],
  ['raplDisabled', 23n, 'guest-policy-rapl-disabled'],
  ['ciphertextHiding', 24n, 'guest-policy-ciphertext-hiding'],
  ['pageSwapDisabled', 25n, 'guest-policy-page-swap-disabled'],
];

/** Where each bit of PLATFORM_INFO stands. [SNP-ABI 1.58 PLATFORM_INFO] */
const PLATFORM: readonly (readonly [PlatformBit, bigint, CheckId])[] = [
  ['smt', 0n, 'platform-smt'],
  ['tsme', 1n, 'platform-tsme'],
  ['ecc', 2n, 'platform-ecc'],
  ['raplDisabled', 3n, 'platform-rapl-disabled'],
  ['ciphertextHiding', 4n, 'platform-ciphertext-hiding'],
  ['aliasCheckComplete', 5n, 'platform-alias-check-complete'],
  ['iommuWriteSafe', 6n, 'platform-iommu-write-safe'],
  ['tio', 7n, 'platform-tio'],
];
const KNOWN_PLATFORM_BITS = 8n;

/** Makes every check that `machine` demands of an authentic report of this product line. */
export function checkMachine(report: AttestationReport, product: Product, machine: Machine): readonly Check[] {
  return [
    makeCheck('vmpl', machine.vmpl.includes(report.vmpl), machine.vmpl.join(', ') || 'none', String(report.vmpl)),
    checkAbi(report),
    ...GUEST_POLICY.map(([name, bit, id]) => checkBit(id, report.guestPolicy, bit, machine.guestPolicy[name])),
    checkMigrationAgent(report),
    ...PLATFORM.map(([name, bit, id]) => checkBit(id, report.platformInfo, bit, machine.platform[name])),
    checkUnknownBits(report.platformInfo, machine.platform.unknownBits),
    ...checkTcb(report, product, machine),
    checkFirmware(report, machine.firmware),
    checkMask('mitigations-launch', report.launchMitigations, machine.mitigations.launch),
    checkMask('mitigations-current', report.currentMitigations, machine.mitigations.current),
    checkChip(report.chipId, machine.chips),
    checkKey('id-key', !isZero(report.idKeyDigest), report.idKeyDigest, machine.idKey),
    checkKey(
      'author-key',
      report.keyInfo.authorKeyEnabled || !isZero(report.authorKeyDigest),
      report.authorKeyDigest,
      machine.authorKey,
    ),
    checkHex('host-data', report.hostData, machine.hostData),
    checkHex('family-id', report.familyId, machine.familyId),
    checkHex('image-id', report.imageId, machine.imageId),
    checkGuestSvn(report.guestSvn, machine.guestSvn),
  ];
}

/** The firmware starts no guest that asks for a newer one, so a report that says otherwise contradicts itself. */
function checkAbi({ guestPolicy, currentFirmware }: AttestationReport): Check {
  const [major, minor] = [Number((guestPolicy >> 8n) & 0xffn), Number(guestPolicy & 0xffn)];
  const met = major < currentFirmware.major || (major === currentFirmware.major && minor <= currentFirmware.minor);
  return makeCheck('guest-policy-abi', met, `at most ${formatFirmware(currentFirmware)}`, `${major}.${minor}`);
}

const MIGRATION_AGENT_BIT = 18n;

function checkMigrationAgent({ guestPolicy, reportIdMa }: AttestationReport): Check {
  const actual = encodeHex(reportIdMa);
  const allowed = ((guestPolicy >> MIGRATION_AGENT_BIT) & 1n) === 1n;
  if (allowed) return skipCheck('migration-agent', 'the guest policy allows one', actual);
  return makeCheck(
    'migration-agent',
    reportIdMa.every((byte) => byte === 0xff),
    'none (all ones)',
    actual,
  );
}

function checkBit(id: CheckId, value: bigint, bit: bigint, demand: BitDemand): Check {
  const set = ((value >> bit) & 1n) === 1n;
  const actual = set ? 'set' : 'clear';
  if (demand === 'any') return skipCheck(id, demand, actual);
  return makeCheck(id, demand === (set ? 'required' : 'forbidden'), demand, actual);
}

function checkUnknownBits(platformInfo: bigint, demand: 'forbidden' | 'any'): Check {
  const unknown = platformInfo >> KNOWN_PLATFORM_BITS;
  const actual = unknown === 0n ? 'none' : `0x${(unknown << KNOWN_PLATFORM_BITS).toString(16)}`;
  if (demand === 'any') return skipCheck('platform-unknown-bits', demand, actual);
  return makeCheck('platform-unknown-bits', unknown === 0n, demand, actual);
}

const MASK = /^(?:0x)?([0-9a-f]{1,16})$/;

/** Reads a mask of at most 64 bits in hex, with or without `0x`; gives null for anything else. */
export function parseMask(text: string): bigint | null {
  const digits = MASK.exec(text)?.[1];
  return digits === undefined ? null : BigInt(`0x${digits}`);
}

function checkMask(id: CheckId, value: bigint | null, demand: string): Check {
  const actual = value === null ? 'not reported before version 5' : `0x${value.toString(16)}`;
  if (demand === 'any') return skipCheck(id, demand, actual);
  const mask = parseMask(demand);
  const met = mask !== null && value !== null && (value & mask) === mask;
  return makeCheck(id, met, demand, actual);
}

const CHIP_ID_DIGITS = 128;

function checkChip(chipId: Uint8Array, demand: Machine['chips']): Check {
  const actual = isZero(chipId) ? 'masked' : encodeHex(chipId);
  if (demand === 'any') return skipCheck('chip', demand, actual);
  const met = demand.some((id) => id.padEnd(CHIP_ID_DIGITS, '0') === actual);
  return makeCheck('chip', met, demand.join(', ') || 'none', actual);
}

function checkKey(id: CheckId, present: boolean, digest: Uint8Array, demand: Machine['idKey']): Check {
  const actual = present ? encodeHex(digest) : 'none';
  if (demand === 'any') return skipCheck(id, demand, actual);
  if (demand === 'none') return makeCheck(id, !present, demand, actual);
  return makeCheck(id, present && demand.includes(encodeHex(digest)), demand.join(', '), actual);
}

function checkHex(id: CheckId, value: Uint8Array, demand: HexDemand): Check {
  const actual = encodeHex(value);
  if (demand === 'any') return skipCheck(id, demand, actual);
  const accepted = typeof demand === 'string' ? [demand] : demand;
  return makeCheck(id, accepted.includes(actual), accepted.join(', ') || 'none', actual);
}

function checkGuestSvn(value: number, demand: Machine['guestSvn']): Check {
  const actual = String(value);
  if (demand === 'any') return skipCheck('guest-svn', demand, actual);
  const accepted = typeof demand === 'number' ? [demand] : demand;
  return makeCheck('guest-svn', accepted.includes(value), accepted.join(', ') || 'none', actual);
}
