/**
 * Corruptions of evidence that differ from the original in exactly one thing; each gives a copy. What has to be signed after it was
 * changed is an option of `issueReport` instead.
 */
import { FIELDS, type FieldName, REPORT_SIZE } from '../attestation/snp/layout.ts';
import { type Cbor, encodeCbor, isCborMap, parseCbor } from '../base/cbor.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';

/** The order of P-384's base point. [SP 800-186 3.2.1.4] */
const P384_ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
const SIGNATURE_NUMBER_SIZE = 72;

function flipBit(bytes: Uint8Array, byte: number, bit: number): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  copy[byte] = (copy[byte] ?? 0) ^ (1 << bit);
  return copy;
}

function readNumber(report: Uint8Array, offset: number): bigint {
  return report.subarray(offset, offset + SIGNATURE_NUMBER_SIZE).reduceRight((n, b) => (n << 8n) | BigInt(b), 0n);
}

function writeNumber(report: Uint8Array, offset: number, value: bigint): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from({ length: SIGNATURE_NUMBER_SIZE }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  return replaceBytes(report, offset, bytes);
}

function replaceBytes(bytes: Uint8Array, offset: number, replacement: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  copy.set(replacement, offset);
  return copy;
}

function replaceItem<T>(items: readonly T[], index: number, replacement: readonly T[]): readonly T[] {
  return items.toSpliced(index, 1, ...replacement);
}

function changeClaims(claims: Uint8Array, changes: Readonly<Record<string, Cbor | null>>): Uint8Array<ArrayBuffer> {
  const decoded = parseCbor(claims, LIMITS.claimsBytes)?.value;
  if (!isCborMap(decoded)) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', 'claims to corrupt are not claims');
  const merged = Object.entries({ ...decoded, ...changes }).filter(([, value]) => value !== null);
  return encodeCbor(Object.fromEntries(merged));
}

const { signatureR, signatureS } = FIELDS;

const TRICKS: Readonly<Record<SignatureTrick, (report: Uint8Array) => Uint8Array<ArrayBuffer>>> = {
  zero: (report) => replaceBytes(report, signatureR.offset, new Uint8Array(2 * SIGNATURE_NUMBER_SIZE)),
  's-plus-order': (report) =>
    writeNumber(report, signatureS.offset, readNumber(report, signatureS.offset) + P384_ORDER),
  's-negated': (report) => writeNumber(report, signatureS.offset, P384_ORDER - readNumber(report, signatureS.offset)),
  tail: (report) => flipBit(report, REPORT_SIZE - 1, 0),
};

/** Gives copies that differ from what they are given in exactly what their name says. */
export const corrupt: Corruptions = {
  reportBit: flipBit,
  reportBytes: replaceBytes,
  reportField: (report, field, bytes) =>
    replaceBytes(report, FIELDS[field].offset, bytes.subarray(0, FIELDS[field].size)),
  reportLength: (report, length) => {
    const copy = new Uint8Array(length);
    copy.set(report.subarray(0, length));
    return copy;
  },
  reportSignature: (report, trick) => TRICKS[trick](report),
  certificateBit: (certificates, index, byte, bit) =>
    certificates.map((certificate, i) => (i === index ? flipBit(certificate, byte, bit) : certificate)),
  certificateMissing: (certificates, index) => replaceItem(certificates, index, []),
  certificateSwapped: (certificates, index, other) => replaceItem(certificates, index, [other]),
  certificateTwice: (certificates, index) => certificates.flatMap((c, i) => (i === index ? [c, c] : [c])),
  claims: changeClaims,
};

/** Ways to tamper with a signature's numbers; `s-negated` is valid by arithmetic, so nothing may be keyed on signature bytes. */
export type SignatureTrick = 'zero' | 's-plus-order' | 's-negated' | 'tail';

export interface Corruptions {
  /** Flips one bit of a report. */
  reportBit(report: Uint8Array, byte: number, bit: number): Uint8Array<ArrayBuffer>;
  /** Replaces bytes of a report. */
  reportBytes(report: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Replaces a field of a report by its encoded bytes. */
  reportField(report: Uint8Array, field: FieldName, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Cuts a report, or fills it up with zeros. */
  reportLength(report: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
  /** Tampers with the numbers of a report's signature. */
  reportSignature(report: Uint8Array, trick: SignatureTrick): Uint8Array<ArrayBuffer>;
  /** Flips one bit of one certificate. */
  certificateBit(certificates: readonly Uint8Array[], index: number, byte: number, bit: number): readonly Uint8Array[];
  /** Leaves a certificate out. */
  certificateMissing(certificates: readonly Uint8Array[], index: number): readonly Uint8Array[];
  /** Puts another certificate in one's place. */
  certificateSwapped(certificates: readonly Uint8Array[], index: number, other: Uint8Array): readonly Uint8Array[];
  /** Lists a certificate twice. */
  certificateTwice(certificates: readonly Uint8Array[], index: number): readonly Uint8Array[];
  /**
   * Replaces claims by name, null leaves one out; the report does not commit to the result.
   * @throws ConfigurationError ERR_CONFIGURATION_USAGE when the bytes are not claims.
   */
  claims(claims: Uint8Array, changes: Readonly<Record<string, Cbor | null>>): Uint8Array<ArrayBuffer>;
}
