/**
 * Collects bytes that arrive in pieces of any size into one array, up to a cap. A sender of single bytes costs no more memory than a sender
 * of blocks: an array per byte would take a hundred times what the cap says.
 */

export interface ByteCollector {
  /** Bytes so far. */
  readonly size: number;
  /** Adds a copy of a piece; gives false and adds nothing when it would go over the cap. */
  add(piece: Uint8Array): boolean;
  /** Gives all bytes as one array of their own. */
  bytes(): Uint8Array<ArrayBuffer>;
}

const FIRST_BYTES = 1024;
/** An array is not cheap to make, and most collectors never hold anything. */
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Opens a collector that holds at most `maxBytes`. */
export function openByteCollector(maxBytes: number): ByteCollector {
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
        const grown = new Uint8Array(Math.min(maxBytes, Math.max(after, buffer.length * 2, FIRST_BYTES)));
        grown.set(buffer.subarray(0, size));
        buffer = grown;
      }
      buffer.set(piece, size);
      size = after;
      return true;
    },
    bytes: () => (size === 0 ? NOTHING : buffer.slice(0, size)),
  };
}
