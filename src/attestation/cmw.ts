/**
 * Evidence in the wrapper that other attestation software reads: a conceptual message wrapper (CMW) record in deterministic CBOR, around
 * our own bundle. Reads records only; a CMW in a tag or a collection is named and refused. [RFC 9999 3.1]
 */
import { type Cbor, encodeCbor, isCborMap, parseCbor } from '../base/cbor.ts';
import { LIMITS } from '../base/limits.ts';
import { EVIDENCE_MEDIA_TYPE } from './evidence.ts';

export const CMW_MEDIA_TYPE = 'application/cmw+cbor';

/** The indicator that says "this is evidence": bit 2 alone. [RFC 9999 3.1] */
export const CMW_EVIDENCE = 4;

/** One record. */
export interface CmwRecord {
  /** A media type, or the number of a CoAP content format. */
  readonly type: string | number;
  readonly value: Uint8Array;
  /** What kinds of messages the value holds, one bit each; null when the record does not say. */
  readonly indicator: number | null;
}

/** Encodes a record; the inverse of `parseCmw`. */
export function encodeCmw({ type, value, indicator }: CmwRecord): Uint8Array<ArrayBuffer> {
  return encodeCbor(indicator === null ? [type, value] : [type, value, indicator]);
}

const MAX_CONTENT_FORMAT = 0xffff;
/** All bits that have a meaning: reference values, endorsements, evidence, attestation results. */
const MAX_INDICATOR = 0xf;

function isType(value: Cbor | undefined): value is string | number {
  return typeof value === 'number' ? value <= MAX_CONTENT_FORMAT : typeof value === 'string' && value !== '';
}

/** Decodes a record of any type; gives the first problem in words. */
export function parseCmw(bytes: Uint8Array): { readonly value: CmwRecord } | { readonly problem: string } {
  if ((bytes[0] ?? 0) >> 5 === 6) return { problem: 'a CMW in a CBOR tag, where only records are read' };
  const decoded = parseCbor(bytes, LIMITS.evidenceBytes)?.value;
  if (isCborMap(decoded)) return { problem: 'a collection of CMWs, where only records are read' };
  if (!Array.isArray(decoded)) return { problem: 'not a record in deterministic CBOR' };
  const [type, value, indicator = null, ...more] = decoded as readonly Cbor[];
  if (!isType(type)) return { problem: 'the type is neither a media type nor a content format' };
  if (!(value instanceof Uint8Array)) return { problem: 'the value is not a byte string' };
  if (decoded.length === 2) return { value: { type, value, indicator: null } };
  if (typeof indicator !== 'number' || indicator === 0 || indicator > MAX_INDICATOR)
    return { problem: 'the indicator names no kind of message, or an unknown one' };
  if (more.length > 0) return { problem: 'the record has more than three items' };
  return { value: { type, value, indicator } };
}

/** Wraps an encoded bundle. */
export function wrapEvidence(encodedEvidence: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodeCmw({ type: EVIDENCE_MEDIA_TYPE, value: encodedEvidence, indicator: CMW_EVIDENCE });
}

/** Gives the encoded bundle that a CMW holds, not yet decoded, or the first problem in words. */
export function unwrapEvidence(bytes: Uint8Array): { readonly value: Uint8Array } | { readonly problem: string } {
  const parsed = parseCmw(bytes);
  if ('problem' in parsed) return parsed;
  const { type, value, indicator } = parsed.value;
  if (type !== EVIDENCE_MEDIA_TYPE) return { problem: `it holds ${JSON.stringify(type)}, not ${EVIDENCE_MEDIA_TYPE}` };
  if (indicator !== null && indicator !== CMW_EVIDENCE)
    return { problem: `its indicator is ${indicator}, not ${CMW_EVIDENCE} (evidence)` };
  return { value };
}
