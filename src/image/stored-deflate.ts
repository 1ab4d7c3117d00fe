/**
 * Bytes in the form of zlib without being compressed. What a compressor writes differs with its version, and with the processor it runs on; this does
 * not, and what goes into an image is compressed already. [RFC 1950; RFC 1951 3.2.4]
 */

/** The most bytes that one stored block holds. */
const BLOCK = 65_535;
const BLOCK_HEAD = 5;
/** Says: deflate, a window of 32 KiB, no dictionary, and the quickest level. */
const HEAD = [0x78, 0x01] as const;
const SUM_SIZE = 4;

const ADLER_MODULUS = 65_521;
/** So many bytes can be added before the sums must be brought back below the modulus, or they would leave 32 bits. */
const ADLER_RUN = 3800;

/** Computes Adler-32. [RFC 1950 8.2] */
function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (let start = 0; start < bytes.length; start += ADLER_RUN) {
    const end = Math.min(start + ADLER_RUN, bytes.length);
    for (let i = start; i < end; i++) {
      low += bytes[i] as number;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return high * 65_536 + low;
}

/** Writes bytes as a zlib stream of stored blocks. */
export function storedDeflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK));
  const out = new Uint8Array(HEAD.length + blocks * BLOCK_HEAD + bytes.length + SUM_SIZE);
  const view = new DataView(out.buffer);
  out.set(HEAD);
  let at = HEAD.length;
  for (let block = 0; block < blocks; block++) {
    const piece = bytes.subarray(block * BLOCK, (block + 1) * BLOCK);
    view.setUint8(at, block === blocks - 1 ? 1 : 0);
    view.setUint16(at + 1, piece.length, true);
    view.setUint16(at + 3, ~piece.length & 0xffff, true);
    out.set(piece, at + BLOCK_HEAD);
    at += BLOCK_HEAD + piece.length;
  }
  view.setUint32(at, adler32(bytes));
  return out;
}
