/**
 * The attestation report as a frozen record, and back to its 1184 bytes. Reads form only (lengths, reserved bytes, versions,
 * enumerations); what the values must be is decided elsewhere, and the signature is checked over the received bytes, never over
 * what `encodeReport` gives. [SNP-ABI 1.58 ATTESTATION_REPORT]
 */
import { encodeHex, isZero } from '../../base/bytes.ts';
import { FIELDS, type FieldName, type Place, REPORT_SIZE, RESERVED } from './layout.ts';
import type { Cpuid } from './product.ts';
import { encodeTcb, parseTcb, type Tcb, type TcbLayout } from './tcb.ts';

/** A firmware's version; ordered by major, minor, build. */
export interface FirmwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** The kind of key that signs: one per chip (VCEK) or one that AMD gave to a cloud provider (VLEK). */
export type Signer = 'VCEK' | 'VLEK';

/** KEY_INFO: `chipKeyMasked` means that the firmware writes zeros instead of a signature. */
export interface KeyInfo {
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signer: Signer;
}

/** Every field of a report; byte arrays have the sizes of layout.ts. */
export interface AttestationReport {
  readonly version: number;
  readonly guestSvn: number;
  readonly guestPolicy: bigint;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  readonly vmpl: number;
  /** 1: ECDSA P-384 with SHA-384. */
  readonly signatureAlgorithm: number;
  readonly currentTcb: Tcb;
  readonly platformInfo: bigint;
  readonly keyInfo: KeyInfo;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  readonly reportId: Uint8Array;
  readonly reportIdMa: Uint8Array;
  readonly reportedTcb: Tcb;
  /** null in version 2, which does not have it. */
  readonly cpuid: Cpuid | null;
  readonly chipId: Uint8Array;
  readonly committedTcb: Tcb;
  readonly currentFirmware: FirmwareVersion;
  readonly committedFirmware: FirmwareVersion;
  readonly launchTcb: Tcb;
  /** null before version 5. */
  readonly launchMitigations: bigint | null;
  /** null before version 5. */
  readonly currentMitigations: bigint | null;
  /** All 72 bytes of each number, so a value out of range stays visible. */
  readonly signature: { readonly r: bigint; readonly s: bigint };
}

/** Names the rules of form; docs/trust.md lists them. */
export type ReportRule =
  | 'report-length'
  | 'report-version'
  | 'report-reserved'
  | 'report-guest-policy'
  | 'report-vmpl'
  | 'report-signature-algorithm'
  | 'report-signing-key'
  | 'report-cpuid'
  | 'report-tcb';

/** Lists the rules of form in the order in which they are reported. */
export const REPORT_RULES: readonly ReportRule[] = [
  'report-length',
  'report-version',
  'report-reserved',
  'report-guest-policy',
  'report-vmpl',
  'report-signature-algorithm',
  'report-signing-key',
  'report-cpuid',
  'report-tcb',
];

/** One broken rule. */
export interface ReportProblem {
  readonly rule: ReportRule;
  readonly expected: string;
  readonly actual: string;
}

/** What parsing gives: the record, or every rule that is broken. */
export type ParsedReport =
  | { readonly report: AttestationReport; readonly problems: readonly [] }
  | { readonly report: null; readonly problems: readonly ReportProblem[] };

const VERSIONS: readonly number[] = [2, 3, 4, 5];
const GUEST_POLICY_ONE = 1n << 17n;
const GUEST_POLICY_RESERVED_FROM = 26n;
const TCBS = ['currentTcb', 'reportedTcb', 'committedTcb', 'launchTcb'] as const;

function slice(bytes: Uint8Array, place: Place): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view(bytes, place));
}

function readInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${encodeHex(bytes.toReversed())}`);
}

/** Gives the bytes of a place without copying them. */
function view(bytes: Uint8Array, place: Place): Uint8Array {
  return bytes.subarray(place.offset, place.offset + place.size);
}

function encodeInteger(value: bigint, size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Lists the places that this version reserves. */
function reservedPlaces(version: number): readonly Place[] {
  return [
    ...RESERVED,
    ...(version < 3 ? [FIELDS.cpuid] : []),
    ...(version < 5 ? [FIELDS.launchMitigations, FIELDS.currentMitigations] : []),
  ];
}

/** The TCB layout that follows from the CPU family; version 2 was only made for Milan and Genoa. */
function tcbLayout(cpuid: Cpuid | null): TcbLayout | null {
  if (cpuid === null || cpuid.family === 0x19) return 'classic';
  return cpuid.family === 0x1a ? 'turin' : null;
}

/** Reads a report of exactly 1184 bytes; gives all broken rules when there are any. */
export function parseReport(bytes: Uint8Array): ParsedReport {
  const problems: ReportProblem[] = [];
  const demand = (met: boolean, rule: ReportRule, expected: string, actual: string): void => {
    if (!met) problems.push({ rule, expected, actual });
  };
  if (bytes.length !== REPORT_SIZE) {
    demand(false, 'report-length', `${REPORT_SIZE} bytes`, `${bytes.length} bytes`);
    return { report: null, problems };
  }
  const raw = (name: FieldName): Uint8Array<ArrayBuffer> => slice(bytes, FIELDS[name]);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const small = (name: FieldName): number => data.getUint32(FIELDS[name].offset, true);
  const large = (name: FieldName): bigint => data.getBigUint64(FIELDS[name].offset, true);

  const version = small('version');
  demand(VERSIONS.includes(version), 'report-version', `one of ${VERSIONS.join(', ')}`, String(version));

  const keyInfo = small('keyInfo');
  const dirty = reservedPlaces(version).filter((p) => !isZero(view(bytes, p)));
  const places = dirty.map((p) => `bytes at ${hex(p.offset)} not zero`);
  if (keyInfo >>> 5 !== 0) places.push('bits 31:5 of KEY_INFO not zero');
  demand(places.length === 0, 'report-reserved', 'reserved bytes are zero', places.join(', '));

  const guestPolicy = large('guestPolicy');
  demand(
    (guestPolicy & GUEST_POLICY_ONE) !== 0n && guestPolicy >> GUEST_POLICY_RESERVED_FROM === 0n,
    'report-guest-policy',
    'bit 17 is one, bits 63:26 are zero',
    hex(guestPolicy),
  );

  const vmpl = small('vmpl');
  demand(vmpl <= 3, 'report-vmpl', '0 to 3', vmpl === 0xffffffff ? '0xffffffff (asked for by the host)' : String(vmpl));

  const signatureAlgorithm = small('signatureAlgorithm');
  demand(
    signatureAlgorithm === 1,
    'report-signature-algorithm',
    '1 (ECDSA P-384 with SHA-384)',
    String(signatureAlgorithm),
  );

  const signingKey = (keyInfo >>> 2) & 7;
  demand(
    signingKey <= 1,
    'report-signing-key',
    '0 (VCEK) or 1 (VLEK)',
    signingKey === 7 ? '7 (none)' : String(signingKey),
  );

  const [family = 0, model = 0, stepping = 0] = raw('cpuid');
  const cpuid = version < 3 ? null : Object.freeze({ family, model, stepping });
  const layout = tcbLayout(cpuid);
  demand(layout !== null, 'report-cpuid', 'family 0x19 or 0x1a', `family ${hex(family)}`);

  const tcbs = TCBS.map((name) => parseTcb(view(bytes, FIELDS[name]), layout ?? 'classic'));
  const [currentTcb = null, reportedTcb = null, committedTcb = null, launchTcb = null] = tcbs;
  const badTcbs = TCBS.filter((_, i) => tcbs[i] === null).map((name) => `${name} ${encodeHex(raw(name))}`);
  demand(layout === null || badTcbs.length === 0, 'report-tcb', 'reserved TCB bytes are zero', badTcbs.join(', '));

  if (
    problems.length > 0 ||
    currentTcb === null ||
    reportedTcb === null ||
    committedTcb === null ||
    launchTcb === null
  ) {
    return { report: null, problems };
  }
  const report: AttestationReport = Object.freeze({
    version,
    guestSvn: small('guestSvn'),
    guestPolicy,
    familyId: raw('familyId'),
    imageId: raw('imageId'),
    vmpl,
    signatureAlgorithm,
    currentTcb,
    platformInfo: large('platformInfo'),
    keyInfo: Object.freeze({
      authorKeyEnabled: (keyInfo & 1) !== 0,
      chipKeyMasked: (keyInfo & 2) !== 0,
      signer: signingKey === 0 ? 'VCEK' : 'VLEK',
    }),
    reportData: raw('reportData'),
    measurement: raw('measurement'),
    hostData: raw('hostData'),
    idKeyDigest: raw('idKeyDigest'),
    authorKeyDigest: raw('authorKeyDigest'),
    reportId: raw('reportId'),
    reportIdMa: raw('reportIdMa'),
    reportedTcb,
    cpuid,
    chipId: raw('chipId'),
    committedTcb,
    currentFirmware: readFirmware(raw('currentFirmware')),
    committedFirmware: readFirmware(raw('committedFirmware')),
    launchTcb,
    launchMitigations: version < 5 ? null : large('launchMitigations'),
    currentMitigations: version < 5 ? null : large('currentMitigations'),
    signature: Object.freeze({ r: readInteger(raw('signatureR')), s: readInteger(raw('signatureS')) }),
  });
  return { report, problems: [] };
}

function readFirmware(bytes: Uint8Array): FirmwareVersion {
  const [build = 0, minor = 0, major = 0] = bytes;
  return Object.freeze({ major, minor, build });
}

/** Writes a firmware version as `1.55.40`. */
export function formatFirmware(version: FirmwareVersion): string {
  return `${version.major}.${version.minor}.${version.build}`;
}

/** Bytes to put at an offset after encoding, for what a record cannot say (reserved bytes, unknown enumerations). */
export interface RawOverride {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Encodes a record as 1184 bytes; the inverse of `parseReport`. Integers are cut to their field's size. */
export function encodeReport(
  report: AttestationReport,
  overrides: readonly RawOverride[] = [],
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(REPORT_SIZE);
  const put = (name: FieldName, bytes: Uint8Array): void => {
    const { offset, size } = FIELDS[name];
    out.set(bytes.subarray(0, size), offset);
  };
  const putInteger = (name: FieldName, value: bigint | number): void =>
    put(name, encodeInteger(BigInt(value), FIELDS[name].size));
  const putFirmware = (name: FieldName, v: FirmwareVersion): void =>
    put(name, Uint8Array.of(v.build, v.minor, v.major));

  putInteger('version', report.version);
  putInteger('guestSvn', report.guestSvn);
  putInteger('guestPolicy', report.guestPolicy);
  put('familyId', report.familyId);
  put('imageId', report.imageId);
  putInteger('vmpl', report.vmpl);
  putInteger('signatureAlgorithm', report.signatureAlgorithm);
  put('currentTcb', encodeTcb(report.currentTcb));
  putInteger('platformInfo', report.platformInfo);
  const { authorKeyEnabled, chipKeyMasked, signer } = report.keyInfo;
  putInteger('keyInfo', (authorKeyEnabled ? 1 : 0) | (chipKeyMasked ? 2 : 0) | (signer === 'VCEK' ? 0 : 4));
  put('reportData', report.reportData);
  put('measurement', report.measurement);
  put('hostData', report.hostData);
  put('idKeyDigest', report.idKeyDigest);
  put('authorKeyDigest', report.authorKeyDigest);
  put('reportId', report.reportId);
  put('reportIdMa', report.reportIdMa);
  put('reportedTcb', encodeTcb(report.reportedTcb));
  if (report.cpuid !== null)
    put('cpuid', Uint8Array.of(report.cpuid.family, report.cpuid.model, report.cpuid.stepping));
  put('chipId', report.chipId);
  put('committedTcb', encodeTcb(report.committedTcb));
  putFirmware('currentFirmware', report.currentFirmware);
  putFirmware('committedFirmware', report.committedFirmware);
  put('launchTcb', encodeTcb(report.launchTcb));
  if (report.launchMitigations !== null) putInteger('launchMitigations', report.launchMitigations);
  if (report.currentMitigations !== null) putInteger('currentMitigations', report.currentMitigations);
  putInteger('signatureR', report.signature.r);
  putInteger('signatureS', report.signature.s);
  for (const { offset, bytes } of overrides) out.set(bytes, offset);
  return out;
}
