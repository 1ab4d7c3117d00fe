/** Reading, writing and seeking with descriptors. [WASI snapshot-01 fd_read, fd_write, fd_pread, fd_pwrite, fd_seek, fd_tell, fd_allocate, fd_advise] */
import type { FileNode } from '../files/nodes.ts';
import { Errno } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import { FDFLAG, RIGHT } from './preview1-rights.ts';
import { readStdin, writeStdout } from './preview1-stdio.ts';

const WHENCE_SET = 0;
const WHENCE_CUR = 1;
const WHENCE_END = 2;
const LAST_ADVICE = 5;
const MAX_OFFSET = (1n << 63n) - 1n;

/** Makes a number of an offset that is not negative; one past what a file can be is as good as any other such. */
function offsetOf(offset: bigint): number {
  const unsigned = BigInt.asUintN(64, offset);
  if (unsigned > MAX_OFFSET) throw new Errno('inval');
  return unsigned > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(unsigned);
}

function readFile(file: FileNode, at: number, buffers: readonly Uint8Array[]): number {
  let size = 0;
  for (const to of buffers) {
    const part = file.view(at + size, to.length);
    to.set(part);
    size += part.length;
  }
  return size;
}

/** Writes what there is room for; the first byte that has none is the error. */
function writeFile(file: FileNode, at: number, buffers: readonly Uint8Array[]): number {
  let size = 0;
  for (const bytes of buffers) {
    try {
      file.write(at + size, bytes);
    } catch (e) {
      if (size > 0) return size;
      throw e;
    }
    size += bytes.length;
  }
  return size;
}

function read({ call, memory, descriptors }: Preview1Host, fd: number, at: number, count: number): number {
  const descriptor = descriptors.get(fd, 0n);
  const { target } = descriptor;
  if (target.kind === 'stream') {
    descriptors.get(fd, RIGHT.fdRead);
    return readStdin(call, memory.vectors(at, count));
  }
  const file = descriptors.file(fd, RIGHT.fdRead);
  const size = readFile(file.target, file.position, memory.vectors(at, count));
  file.position += size;
  return size;
}

function write({ call, memory, descriptors }: Preview1Host, fd: number, at: number, count: number): number {
  const { target } = descriptors.get(fd, 0n);
  if (target.kind === 'stream') {
    descriptors.get(fd, RIGHT.fdWrite);
    return writeStdout(call, target.number === 2 ? 2 : 1, memory.vectors(at, count));
  }
  const file = descriptors.file(fd, RIGHT.fdWrite);
  const from = (file.flags & FDFLAG.append) === 0 ? file.position : file.target.size;
  const size = writeFile(file.target, from, memory.vectors(at, count));
  file.position = from + size;
  return size;
}

function seek({ descriptors }: Preview1Host, fd: number, offset: bigint, whence: number): number {
  // Asking where one is needs less than going elsewhere.
  const rights = whence === WHENCE_CUR && offset === 0n ? RIGHT.fdTell : RIGHT.fdSeek;
  const file = descriptors.file(fd, rights);
  const bases = { [WHENCE_SET]: 0, [WHENCE_CUR]: file.position, [WHENCE_END]: file.target.size };
  const base = Object.hasOwn(bases, whence) ? bases[whence as keyof typeof bases] : undefined;
  if (base === undefined) throw new Errno('inval');
  const to = BigInt(base) + offset;
  if (to < 0n) throw new Errno('inval');
  if (to > BigInt(Number.MAX_SAFE_INTEGER)) throw new Errno('overflow');
  file.position = Number(to);
  return file.position;
}

/** The functions that move bytes of a descriptor. */
export const FD_DATA: Preview1Part = {
  fd_read: (host, fd: number, at: number, count: number, sizeAt: number) =>
    host.memory.setU32(sizeAt, read(host, fd, at, count)),
  fd_write: (host, fd: number, at: number, count: number, sizeAt: number) =>
    host.memory.setU32(sizeAt, write(host, fd, at, count)),
  fd_pread: ({ memory, descriptors }, fd: number, at: number, count: number, offset: bigint, sizeAt: number) => {
    const { target } = descriptors.file(fd, RIGHT.fdRead | RIGHT.fdSeek);
    memory.setU32(sizeAt, readFile(target, offsetOf(offset), memory.vectors(at, count)));
  },
  fd_pwrite: ({ memory, descriptors }, fd: number, at: number, count: number, offset: bigint, sizeAt: number) => {
    const { target } = descriptors.file(fd, RIGHT.fdWrite | RIGHT.fdSeek);
    memory.setU32(sizeAt, writeFile(target, offsetOf(offset), memory.vectors(at, count)));
  },
  fd_seek: (host, fd: number, offset: bigint, whence: number, positionAt: number) =>
    host.memory.setU64(positionAt, BigInt(seek(host, fd, offset, whence))),
  fd_tell: ({ memory, descriptors }, fd: number, positionAt: number) =>
    memory.setU64(positionAt, BigInt(descriptors.file(fd, RIGHT.fdTell).position)),
  fd_allocate: ({ descriptors }, fd: number, offset: bigint, length: bigint) => {
    const { target } = descriptors.file(fd, RIGHT.fdAllocate);
    const end = offsetOf(offset) + offsetOf(length);
    if (length === 0n) throw new Errno('inval');
    if (end > target.size) target.setSize(end);
  },
  fd_advise: ({ descriptors }, fd: number, offset: bigint, length: bigint, advice: number) => {
    descriptors.file(fd, RIGHT.fdAdvise);
    offsetOf(offset);
    offsetOf(length);
    if (advice >>> 0 > LAST_ADVICE) throw new Errno('inval');
  },
};
