/**
 * The launch digest, page by page: each page is hashed together with its kind, its address and the digest so far. Knows nothing of
 * what the pages hold. [SNP-ABI 1.58 PAGE_INFO]
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** Computes SHA-384 (48 bytes); an argument, since a firmware takes two thousand calls, and native code is ten times as fast. */
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

const INFO_SIZE = 0x70;
const NO_CONTENTS: Bytes = new Uint8Array(DIGEST_SIZE);

/** Gives the digest of a guest that has no pages yet: 48 zero bytes. */
export function emptyDigest(): Bytes {
  return new Uint8Array(DIGEST_SIZE);
}

/** Extends a launch digest by one page; `contents` is the SHA-384 of the page, or null for a kind that has none. Gives 48 bytes. */
export function extendDigest(
  digest: Uint8Array,
  kind: PageKind,
  address: number,
  contents: Uint8Array | null,
  sha384: Sha384,
): Uint8Array {
  const info = new Uint8Array(INFO_SIZE);
  info.set(digest, 0);
  info.set(contents ?? NO_CONTENTS, DIGEST_SIZE);
  const view = new DataView(info.buffer);
  view.setUint16(0x60, INFO_SIZE, true);
  info[0x62] = KIND_NUMBERS[kind];
  view.setBigUint64(0x68, BigInt(address), true);
  return sha384(info);
}

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

/** Extends a launch digest by whole pages of contents, beginning at an address. */
export function extendByContents(
  digest: Uint8Array,
  contents: Uint8Array,
  address: number,
  sha384: Sha384,
): Uint8Array {
  const words = wordsOf(contents);
  let value = digest;
  let page: Uint8Array = NO_CONTENTS;
  for (let at = 0; at < contents.length; at += PAGE_SIZE) {
    // More than half of a firmware is padding: a page like the one before it needs no hash of its own.
    if (!equalsPageBefore(words, at / 4)) page = sha384(contents.subarray(at, at + PAGE_SIZE));
    value = extendDigest(value, 'normal', address + at, page, sha384);
  }
  return value;
}

/** Extends a launch digest by a range of pages whose contents are not measured. */
export function extendByRange(
  digest: Uint8Array,
  kind: PageKind,
  range: { readonly address: number; readonly size: number },
  sha384: Sha384,
): Uint8Array {
  let value = digest;
  for (let at = 0; at < range.size; at += PAGE_SIZE) {
    value = extendDigest(value, kind, range.address + at, null, sha384);
  }
  return value;
}
