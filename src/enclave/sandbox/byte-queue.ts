/**
 * Bytes in the order they came, in one buffer that goes round: a sender of single bytes costs no more memory than a sender of blocks.
 * It grows as far as it is filled; how far that may be is for its user to hold.
 */

const FIRST_BYTES = 4096;
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

export class ByteQueue {
  #buffer: Uint8Array<ArrayBuffer> = NOTHING;
  #start = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a copy of the bytes at the end. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#makeRoom(this.#size + bytes.length);
    const end = (this.#start + this.#size) % this.#buffer.length;
    const first = Math.min(bytes.length, this.#buffer.length - end);
    this.#buffer.set(first === bytes.length ? bytes : bytes.subarray(0, first), end);
    if (first < bytes.length) this.#buffer.set(bytes.subarray(first), 0);
    this.#size += bytes.length;
  }

  /** Takes at most so many bytes from the front, as an array of their own. */
  take(maxBytes: number): Uint8Array<ArrayBuffer> {
    const count = Math.min(maxBytes, this.#size);
    if (count === 0) return NOTHING;
    const first = Math.min(count, this.#buffer.length - this.#start);
    const taken = new Uint8Array(count);
    taken.set(this.#buffer.subarray(this.#start, this.#start + first));
    if (first < count) taken.set(this.#buffer.subarray(0, count - first), first);
    this.#size -= count;
    this.#start = this.#size === 0 ? 0 : (this.#start + count) % this.#buffer.length;
    return taken;
  }

  /** Forgets all bytes, and gives their memory back. */
  clear(): void {
    this.#buffer = NOTHING;
    this.#start = 0;
    this.#size = 0;
  }

  #makeRoom(size: number): void {
    if (size <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(size, this.#buffer.length * 2, FIRST_BYTES));
    const before = this.#size;
    grown.set(this.take(before));
    this.#buffer = grown;
    this.#start = 0;
    this.#size = before;
  }
}
