/**
 * The production initrd, byte by byte, with a second archive behind it: the kernel unpacks one after the other, and a file of the second takes the
 * place of one of the first. What is appended is measured with the rest. [Linux 6.12 Documentation/driver-api/early-userspace/buffer-format.rst]
 */
import { concatBytes } from '../../src/base/bytes.ts';
import { encodeCpio } from '../../src/image/cpio.ts';
import { makeTree, type TreeEntry } from '../../src/image/tree.ts';

/** Appends files to an initrd whose length is a multiple of four; with another length the kernel would pass over them without a word. */
export function appendFiles(initrd: Uint8Array, files: readonly TreeEntry[]): Uint8Array {
  if (initrd.length % 4 !== 0) throw new RangeError(`an initrd of ${initrd.length} bytes is not padded`);
  return concatBytes(initrd, encodeCpio(makeTree(files)));
}
