/**
 * Deterministic CBOR of the subset our formats use: unsigned integers, byte strings, text strings, arrays, maps with text keys,
 * true, false and null. The one door to cbor-x (the build without native code and eval), which alone is lenient: what does not encode back to the same bytes is refused, so
 * duplicate keys, long integers, indefinite lengths, tags and trailing bytes all fail. [RFC 8949 4.2.1]
 */
import { Decoder } from 'cbor-x/index-no-eval';
import { equalBytes } from './bytes.ts';
import { type Cbor, type CborMap, encodeCbor } from './cbor-encode.ts';
import { LIMITS } from './limits.ts';

export { type Cbor, type CborMap, encodeCbor };

const decoder = new Decoder({ useRecords: false, mapsAsObjects: false });

/** Turns what cbor-x gives into our subset; null when it holds anything else or is too deep. */
function fromDecoded(value: unknown, depth: number): { value: Cbor } | null {
  if (depth > LIMITS.nesting) return null;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return { value };
  if (typeof value === 'bigint') return fromDecoded(Number(value), depth);
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0) ? { value } : null;
  if (value instanceof Uint8Array) return { value: Uint8Array.from(value) };
  if (Array.isArray(value)) {
    const items: Cbor[] = [];
    for (const item of value) {
      const decoded = fromDecoded(item, depth + 1);
      if (decoded === null) return null;
      items.push(decoded.value);
    }
    return { value: items };
  }
  if (!(value instanceof Map)) return null;
  const map: Record<string, Cbor> = Object.create(null);
  for (const [key, item] of value) {
    const decoded = fromDecoded(item, depth + 1);
    if (typeof key !== 'string' || decoded === null) return null;
    map[key] = decoded.value;
  }
  return { value: map };
}

/**
 * Tells whether the bytes hold no tag and nest no deeper than the cap, by counting open containers; cbor-x itself recurses without a
 * cap, and a stack overflow before trust is a way to take a process down.
 */
function nestsWithinCap(bytes: Uint8Array): boolean {
  const open: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const head = bytes[at] ?? 0;
    const major = head >> 5;
    const info = head & 31;
    if (info > 27) return false;
    // A tag holds one more value without being a container, so a run of them would nest without end.
    if (major === 6) return false;
    const extra = info < 24 ? 0 : 2 ** (info - 24);
    let n = info < 24 ? info : 0;
    for (let i = 1; i <= extra; i++) n = n * 256 + (bytes[at + i] ?? 0);
    at += 1 + extra;
    if (major === 2 || major === 3) at += n;
    const items = major === 4 ? n : major === 5 ? n * 2 : 0;
    if (items > bytes.length) return false;
    if (items > 0) {
      open.push(items);
      if (open.length > LIMITS.nesting) return false;
    } else {
      while (open.length > 0) {
        const left = (open.pop() ?? 0) - 1;
        if (left > 0) {
          open.push(left);
          break;
        }
      }
    }
  }
  return true;
}

/** Decodes bytes that are exactly one deterministic value of the subset, at most `maxBytes` long; gives null for all else. */
export function parseCbor(bytes: Uint8Array, maxBytes: number): { readonly value: Cbor } | null {
  if (bytes.length > maxBytes || !nestsWithinCap(bytes)) return null;
  try {
    const decoded = fromDecoded(decoder.decode(Uint8Array.from(bytes)), 0);
    return decoded !== null && equalBytes(encodeCbor(decoded.value), bytes) ? decoded : null;
  } catch {
    return null;
  }
}

/** Narrows to a map. */
export function isCborMap(value: Cbor | undefined): value is CborMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
