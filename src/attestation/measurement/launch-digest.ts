/**
 * The launch digest, page by page: each page is hashed together with its kind, its address and the digest so far. Knows nothing of
 * what the pages hold. [SNP-ABI 1.58 PAGE_INFO]
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** Computes SHA-384 (48 bytes); an argument, since a firmware takes two thousand calls, and native code is ten times as fast. It must not keep its argument. */
export type Sha384 = (bytes: Uint8Array) => Uint8Array;

/** Size of a page in bytes. */
export const PAGE_SIZE: number = 4096;

/** Length of a launch digest in bytes. */
export const DIGEST_SIZE: number = 48;

/** Names the kinds of pages; only `normal` and `vmsa` have contents that are measured. */
export type PageKind = 'normal' | 'vmsa' | 'zero' | 'unmeasured' | 'secrets' | 'cpuid';

const KIND_NUMBERS: Readonly<Record<PageKind, number>> = {
  normal: 1,
  vmsa: 2,
  zero: 3,
  unmeasured: 4,
  secrets: 5,
  cpuid: 6,
};

/** Names the kinds of pages whose contents are not measured. */
export type BlankKind = Exclude<PageKind, 'normal' | 'vmsa'>;

const INFO_SIZE = 0x70;
const NO_CONTENTS: Bytes = new Uint8Array(DIGEST_SIZE);
const TWO_32 = 2 ** 32;

/** Views whole pages as words of four bytes, which compare four times as fast as bytes. */
function wordsOf(pages: Uint8Array): Uint32Array {
  const { buffer, byteOffset, byteLength } = pages.byteOffset % 4 === 0 ? pages : Uint8Array.from(pages);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

const PAGE_WORDS = PAGE_SIZE / 4;

function equalsPageBefore(words: Uint32Array, at: number): boolean {
  if (at === 0) return false;
  for (let i = at; i < at + PAGE_WORDS; i++) if (words[i] !== words[i - PAGE_WORDS]) return false;
  return true;
}

/** A launch digest that grows by pages. A guest that has no pages yet has 48 zero bytes; `start` goes on from a digest that is known. */
export class LaunchDigest {
  #value: Uint8Array;
  readonly #sha384: Sha384;
  readonly #info: Bytes = new Uint8Array(INFO_SIZE);
  readonly #view: DataView<ArrayBuffer> = new DataView(this.#info.buffer);

  constructor(sha384: Sha384, start: Uint8Array = NO_CONTENTS) {
    this.#sha384 = sha384;
    this.#value = start;
    this.#view.setUint16(0x60, INFO_SIZE, true);
  }

  /** Gives the digest so far; each page makes a new one, so it may be kept. */
  get value(): Uint8Array {
    return this.#value;
  }

  /** Adds one page by the SHA-384 of its contents; those of a blank kind have zeros instead. */
  addPage(kind: PageKind, address: number, contents: Uint8Array): void {
    this.#info.set(this.#value, 0);
    this.#info.set(contents, DIGEST_SIZE);
    this.#info[0x62] = KIND_NUMBERS[kind];
    this.#view.setUint32(0x68, address % TWO_32, true);
    this.#view.setUint32(0x6c, Math.floor(address / TWO_32), true);
    this.#value = this.#sha384(this.#info);
  }

  /** Adds whole pages of contents, beginning at an address. */
  addContents(address: number, pages: Uint8Array): void {
    const words = wordsOf(pages);
    let contents: Uint8Array = NO_CONTENTS;
    for (let at = 0; at < pages.length; at += PAGE_SIZE) {
      // Much of a firmware is padding: a page like the one before it needs no hash of its own.
      if (!equalsPageBefore(words, at / 4)) contents = this.#sha384(pages.subarray(at, at + PAGE_SIZE));
      this.addPage('normal', address + at, contents);
    }
  }

  /** Adds whole pages whose contents are not measured. */
  addBlank(kind: BlankKind, { address, size }: { readonly address: number; readonly size: number }): void {
    for (let at = 0; at < size; at += PAGE_SIZE) this.addPage(kind, address + at, NO_CONTENTS);
  }
}
