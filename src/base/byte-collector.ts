/**
 * Collects bytes that arrive in pieces of any size into one array, up to a cap. A sender of single bytes costs no more memory than a sender
 * of blocks: an array per byte would take a hundred times what the cap says.
 */

export interface ByteCollector {
  /** Bytes so far. */
  readonly size: number;
  /** Adds a copy of a piece; gives false and adds nothing when it would go over the cap. */
  add(piece: Uint8Array): boolean;
  /** Gives all bytes as one array, which is not to be changed. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/** What is made room for at first, where nothing is known of how much will come. */
const FIRST_BYTES = 1024;
/** An array is not cheap to make, and most collectors never hold anything. */
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Opens a collector that holds at most `maxBytes`, and makes room for the first `firstBytes` of them at once. */
export function openByteCollector(maxBytes: number, firstBytes: number = FIRST_BYTES): ByteCollector {
  let buffer = NOTHING;
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(piece) {
      const after = size + piece.length;
      if (after > maxBytes) return false;
      if (after > buffer.length) {
        const grown = new Uint8Array(Math.min(maxBytes, Math.max(after, buffer.length * 2, firstBytes)));
        grown.set(buffer.subarray(0, size));
        buffer = grown;
      }
      buffer.set(piece, size);
      size = after;
      return true;
    },
    // A full one is never written to again.
    bytes: () => (size === buffer.length ? buffer : buffer.slice(0, size)),
  };
}
