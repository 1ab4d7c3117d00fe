/**
 * The evidence bundle on the wire: a report, the endorsements that came with it, the claims and the client's inclusion path.
 * Decoding checks form only; nothing in it is believed before `appraiseSession`. [RFC 9334 8.1]
 */
import { type Cbor, encodeCbor, isCborMap, parseCbor } from '../base/cbor.ts';
import { LIMITS } from '../base/limits.ts';
import type { Inclusion } from './freshness.ts';

export const EVIDENCE_FORMAT = 'anchorhold-evidence/1';
export const EVIDENCE_MEDIA_TYPE = 'application/vnd.anchorhold.evidence+cbor';
export const ATTESTATION_PATH = '/.well-known/anchorhold/attestation';

export interface Evidence extends Inclusion {
  /** 1184 bytes, as the firmware signed them. */
  readonly report: Uint8Array;
  /** DER certificates in any order: material for a path, never anchors. */
  readonly certificates: readonly Uint8Array[];
  readonly crl: Uint8Array | null;
  /** Encoded claims, exactly the bytes that REPORT_DATA commits to. */
  readonly claims: Uint8Array;
}

/** Encodes a bundle; the inverse of `parseEvidence`. */
export function encodeEvidence(evidence: Evidence): Uint8Array<ArrayBuffer> {
  const { report, certificates, crl, claims, index, size, path } = evidence;
  return encodeCbor({ format: EVIDENCE_FORMAT, report, certificates, crl, claims, index, size, path });
}

function isBytesList(value: Cbor | undefined, maxItems: number, maxBytes: number): value is readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length > maxItems) return false;
  return value.every((item) => item instanceof Uint8Array && item.length <= maxBytes);
}

/** Decodes a bundle; gives the first problem in words. */
export function parseEvidence(bytes: Uint8Array): { readonly value: Evidence } | { readonly problem: string } {
  const decoded = parseCbor(bytes, LIMITS.evidenceBytes)?.value;
  if (!isCborMap(decoded)) return { problem: 'not a map in deterministic CBOR' };
  const { format, report, certificates, crl, claims, index, size, path } = decoded as Record<string, Cbor | undefined>;
  if (format !== EVIDENCE_FORMAT || Object.keys(decoded).length !== 8) return { problem: `not ${EVIDENCE_FORMAT}` };
  if (!(report instanceof Uint8Array)) return { problem: 'report is not a byte string' };
  if (!isBytesList(certificates, LIMITS.certificates, LIMITS.certificateBytes))
    return { problem: 'certificates are not a list within the caps' };
  if (!(crl === null || (crl instanceof Uint8Array && crl.length <= LIMITS.crlBytes)))
    return { problem: 'crl is neither bytes nor null' };
  if (!(claims instanceof Uint8Array)) return { problem: 'claims is not a byte string' };
  if (typeof index !== 'number' || typeof size !== 'number') return { problem: 'index and size are not numbers' };
  if (!isBytesList(path, LIMITS.inclusionPath, 32)) return { problem: 'path is not a list of hashes within the cap' };
  return { value: { report, certificates, crl, claims, index, size, path } };
}
