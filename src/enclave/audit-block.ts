/**
 * Leaves of the audit log that lie side by side, with their hashes: a few large arrays instead of thousands of small ones, which the engine
 * would have to look at again and again. Holds bytes, knows nothing of what they say.
 */

const HASH_BYTES = 32;
const FIRST_BYTES = 4096;

export class AuditBlock {
  readonly #hashes: Uint8Array;
  #bytes = new Uint8Array(FIRST_BYTES);
  /** Where each leaf ends. */
  readonly #ends: number[] = [];

  /** Makes room for so many leaves. */
  constructor(leaves: number) {
    this.#hashes = new Uint8Array(leaves * HASH_BYTES);
  }

  get size(): number {
    return this.#ends.length;
  }

  add(leaf: Uint8Array, hash: Uint8Array): void {
    const start = this.#ends.at(-1) ?? 0;
    const end = start + leaf.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(leaf, start);
    this.#hashes.set(hash, this.size * HASH_BYTES);
    this.#ends.push(end);
  }

  /** Gives a copy of the leaf at a place; null where there is none. */
  leaf(index: number): Uint8Array | null {
    const end = this.#ends[index];
    return end === undefined ? null : this.#bytes.slice(this.#ends[index - 1] ?? 0, end);
  }

  /** Gives the hashes of all leaves, 32 bytes each. */
  hashes(): Uint8Array[] {
    return this.#ends.map((_, i) => this.#hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
  }

  leaves(): Uint8Array[] {
    return this.#ends.map((end, i) => this.#bytes.slice(this.#ends[i - 1] ?? 0, end));
  }
}
