/** What is known of a descriptor and changed in it, its end, and the directories that a guest begins with. [WASI snapshot-01 fd_*] */
import { listDirectory } from '../files/list.ts';
import type { Descriptor, DescriptorTable } from './preview1-descriptors.ts';
import { Errno } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import { CHANGEABLE_FDFLAGS, RIGHT } from './preview1-rights.ts';
import { filetypeOf, setTimesByFlags, writeFdstat, writeFilestat } from './preview1-stat.ts';

const DIRENT_BYTES = 24;
const PRESTAT_BYTES = 8;
const encoder = new TextEncoder();

function setRights(descriptor: Descriptor, base: bigint, inheriting: bigint): void {
  const [newBase, newInheriting] = [BigInt.asUintN(64, base), BigInt.asUintN(64, inheriting)];
  if ((newBase & ~descriptor.base) !== 0n || (newInheriting & ~descriptor.inheriting) !== 0n)
    throw new Errno('notcapable');
  descriptor.base = newBase;
  descriptor.inheriting = newInheriting;
}

/** Gives the name of a directory that the guest begins with; any other descriptor is `badf`. */
function preopenName(descriptors: DescriptorTable, fd: number): Uint8Array {
  const { preopen } = descriptors.get(fd, 0n);
  if (preopen === null) throw new Errno('badf');
  return encoder.encode(preopen);
}

/** Writes entries until the buffer is full; the last one may be cut off, by which the guest knows that there are more. */
function readDirectory(
  { memory, descriptors }: Preview1Host,
  fd: number,
  at: number,
  length: number,
  cookie: bigint,
): number {
  const directory = descriptors.directory(fd, RIGHT.fdReaddir);
  const to = memory.bytes(at, length);
  const head = new DataView(new ArrayBuffer(DIRENT_BYTES));
  let used = 0;
  const put = (bytes: Uint8Array): void => {
    const part = bytes.subarray(0, to.length - used);
    to.set(part, used);
    used += part.length;
  };
  for (const entry of listDirectory(directory, BigInt.asUintN(64, cookie))) {
    if (used === to.length) break;
    const name = encoder.encode(entry.name);
    head.setBigUint64(0, entry.cookie, true);
    head.setBigUint64(8, entry.node.serial, true);
    head.setUint32(16, name.length, true);
    head.setUint8(20, filetypeOf(entry.node.kind));
    put(new Uint8Array(head.buffer));
    put(name);
  }
  return used;
}

/** The functions that look at descriptors, change them and end them. */
export const FD: Preview1Part = {
  fd_close: ({ descriptors }, fd: number) => descriptors.close(fd),
  fd_renumber: ({ descriptors }, from: number, to: number) => descriptors.renumber(from, to),
  fd_fdstat_get: ({ memory, descriptors }, fd: number, at: number) => writeFdstat(memory, at, descriptors.get(fd, 0n)),
  fd_fdstat_set_flags: ({ descriptors }, fd: number, flags: number) => {
    const descriptor = descriptors.get(fd, RIGHT.fdFdstatSetFlags);
    if ((flags & ~CHANGEABLE_FDFLAGS & ~descriptor.flags) !== 0) throw new Errno('inval');
    descriptor.flags = (descriptor.flags & ~CHANGEABLE_FDFLAGS) | (flags & CHANGEABLE_FDFLAGS);
  },
  fd_fdstat_set_rights: ({ descriptors }, fd: number, base: bigint, inheriting: bigint) =>
    setRights(descriptors.get(fd, 0n), base, inheriting),
  fd_filestat_get: ({ memory, descriptors }, fd: number, at: number) =>
    writeFilestat(memory, at, descriptors.get(fd, RIGHT.fdFilestatGet).target),
  fd_filestat_set_size: ({ descriptors }, fd: number, size: bigint) => {
    const { target } = descriptors.file(fd, RIGHT.fdFilestatSetSize);
    const unsigned = BigInt.asUintN(64, size);
    target.setSize(unsigned > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(unsigned));
  },
  fd_filestat_set_times: ({ descriptors }, fd: number, accessed: bigint, modified: bigint, flags: number) => {
    const { target } = descriptors.get(fd, RIGHT.fdFilestatSetTimes);
    if (target.kind === 'stream') throw new Errno('badf');
    setTimesByFlags(target, accessed, modified, flags);
  },
  fd_sync: ({ descriptors }, fd: number) => void descriptors.get(fd, RIGHT.fdSync),
  fd_datasync: ({ descriptors }, fd: number) => void descriptors.get(fd, RIGHT.fdDatasync),
  fd_readdir: (host, fd: number, at: number, length: number, cookie: bigint, usedAt: number) =>
    host.memory.setU32(usedAt, readDirectory(host, fd, at, length, cookie)),
  fd_prestat_get: ({ memory, descriptors }, fd: number, at: number) => {
    const name = preopenName(descriptors, fd);
    // The only kind that there is, a directory, is 0.
    memory.blank(at, PRESTAT_BYTES).setUint32(4, name.length, true);
  },
  fd_prestat_dir_name: ({ memory, descriptors }, fd: number, at: number, length: number) => {
    const name = preopenName(descriptors, fd);
    if (length >>> 0 < name.length) throw new Errno('nametoolong');
    memory.bytes(at, name.length).set(name);
  },
};
