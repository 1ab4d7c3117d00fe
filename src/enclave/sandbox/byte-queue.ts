/**
 * Bytes in the order they came. Small pieces are put together in blocks, so that a sender of single bytes costs no more memory than a sender of
 * blocks; a large one that its giver gives up is a block as it is. What is taken is a part of a block where it can be, because each array that is
 * made for a stream is garbage a moment later, and to collect it holds up everybody's calls.
 */

const FIRST_BYTES = 4096;
const BLOCK_BYTES = 64 * 1024;
/** What is copied: to keep a smaller array for itself takes more memory than it holds. */
const SMALL_BYTES = 4096;
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

export class ByteQueue {
  #blocks: Uint8Array[] = [];
  /** Where what is left of the first block begins. */
  #start = 0;
  /** How far the last block is filled. */
  #end = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a copy of the bytes at the end. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const block = this.#blockWithRoom();
      const part = bytes.subarray(at, at + block.length - this.#end);
      block.set(part, this.#end);
      at += part.length;
      this.#end += part.length;
      this.#size += part.length;
    }
  }

  /** Adds bytes at the end which their giver never changes again. */
  give(bytes: Uint8Array): void {
    // A part of something larger would hold all of it: a sender could have a whole head kept for each small piece behind it.
    if (bytes.length < SMALL_BYTES || bytes.length * 2 < bytes.buffer.byteLength) return this.push(bytes);
    const last = this.#blocks.pop();
    // One that is used up only waited for more.
    if (this.#size === 0) this.#start = 0;
    else if (last !== undefined) this.#blocks.push(last.subarray(0, this.#end));
    this.#blocks.push(bytes);
    this.#end = bytes.length;
    this.#size += bytes.length;
  }

  /** Takes bytes from the front, at most so many and at least one if there is any: as many as lie together. They are not to be changed. */
  takePiece(maxBytes: number): Uint8Array {
    const block = this.#blocks[0];
    if (block === undefined || this.#size === 0) return NOTHING;
    const isLast = this.#blocks.length === 1;
    const piece = block.subarray(this.#start, Math.min(isLast ? this.#end : block.length, this.#start + maxBytes));
    this.#start += piece.length;
    this.#size -= piece.length;
    if (this.#start === block.length) {
      this.#blocks.shift();
      this.#start = 0;
    }
    return piece;
  }

  /** Takes so many bytes from the front, or all there are. They are not to be changed. */
  take(maxBytes: number): Uint8Array {
    const count = Math.min(maxBytes, this.#size);
    const first = this.takePiece(count);
    if (first.length === count) return first;
    const taken = new Uint8Array(count);
    taken.set(first);
    for (let at = first.length; at < count; ) {
      const piece = this.takePiece(count - at);
      taken.set(piece, at);
      at += piece.length;
    }
    return taken;
  }

  /** Forgets all bytes, and gives their memory back. */
  clear(): void {
    this.#blocks = [];
    this.#start = 0;
    this.#end = 0;
    this.#size = 0;
  }

  #blockWithRoom(): Uint8Array {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#end < last.length) return last;
    const made = new Uint8Array(Math.min(Math.max(this.#size, FIRST_BYTES), BLOCK_BYTES));
    this.#blocks.push(made);
    this.#end = 0;
    return made;
  }
}
