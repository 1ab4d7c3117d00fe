/** The bytes of one file in one array that grows by halves again; what lies behind the end is zero, and every byte is counted. */
import { FileError } from './file-error.ts';
import type { Volume } from './volume.ts';

const FIRST_BYTES = 512;

export class FileContent {
  readonly #volume: Volume;
  #bytes: Uint8Array;
  #size: number;

  /** Takes the bytes as they are, without a copy. @throws FileError insufficient-space */
  constructor(volume: Volume, bytes: Uint8Array) {
    volume.takeBytes(bytes.length);
    this.#volume = volume;
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  /** Gives the bytes in place, without a copy; they are good until the next change. */
  view(from: number, length: number): Uint8Array {
    const start = Math.min(from, this.#size);
    return this.#bytes.subarray(start, Math.min(start + length, this.#size));
  }

  /** Writes at this place, past the end too; what lies between is zero. @throws FileError file-too-large or insufficient-space */
  write(at: number, bytes: Uint8Array): void {
    if (at + bytes.length > this.#size) this.resize(at + bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Cuts the file, or lengthens it with zeros. @throws FileError file-too-large or insufficient-space */
  resize(size: number): void {
    if (size > this.#volume.limits.bytes) throw new FileError('file-too-large');
    this.#volume.takeBytes(size - this.#size);
    if (size > this.#bytes.length) {
      const roomier = Math.min(Math.ceil(this.#bytes.length * 1.5), this.#volume.limits.bytes);
      const capacity = Math.max(size, roomier, FIRST_BYTES);
      const grown = new Uint8Array(capacity);
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    } else if (size < this.#size && size < this.#bytes.length / 2) {
      // Bytes that are given back to the volume must not stay in the array.
      this.#bytes = this.#bytes.slice(0, size);
    } else if (size < this.#size) {
      this.#bytes.fill(0, size, this.#size);
    }
    this.#size = size;
  }
}
