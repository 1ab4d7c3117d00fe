/** Everything that names a file by a path below an open directory. [WASI snapshot-01 path_*] */
import { addName, makeDirectory, makeLink, removeDirectory, removeFile, rename } from '../files/names.ts';
import { open } from '../files/open.ts';
import { find } from '../files/path.ts';
import { Errno } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import {
  ALL_FDFLAGS,
  ALL_OFLAGS,
  DIRECTORY_RIGHTS,
  FILE_RIGHTS,
  OFLAG,
  RIGHT,
  SYMLINK_FOLLOW,
} from './preview1-rights.ts';
import { setTimesByFlags, writeFilestat } from './preview1-stat.ts';

const encoder = new TextEncoder();

function followOf(lookup: number): boolean {
  if ((lookup & ~SYMLINK_FOLLOW) !== 0) throw new Errno('inval');
  return lookup === SYMLINK_FOLLOW;
}

/**
 * Opens a path. The guest gets the rights that it asks for, as far as the directory passes them on and they mean anything for what was
 * found; to read or to write without the right to is an error, because it would show only later.
 */
function pathOpen(
  { memory, descriptors }: Preview1Host,
  ...[fd, lookup, at, length, oflags, base, inheriting, fdflags, fdAt]: readonly [
    number,
    number,
    number,
    number,
    number,
    bigint,
    bigint,
    number,
    number,
  ]
): void {
  if ((oflags & ~ALL_OFLAGS) !== 0 || (fdflags & ~ALL_FDFLAGS) !== 0) throw new Errno('inval');
  const create = (oflags & OFLAG.creat) !== 0;
  const truncate = (oflags & OFLAG.trunc) !== 0;
  const needed = (create ? RIGHT.pathCreateFile : 0n) | (truncate ? RIGHT.pathFilestatSetSize : 0n);
  const directory = descriptors.directory(fd, RIGHT.pathOpen | needed);
  const passedOn = descriptors.get(fd, 0n).inheriting;
  if ((base & ~passedOn & (RIGHT.fdRead | RIGHT.fdWrite)) !== 0n) throw new Errno('notcapable');
  const path = memory.text(at, length);
  const follow = followOf(lookup);
  descriptors.needRoom();
  // Checked before anything is made: nothing may be opened that the guest then never hears of.
  memory.setU32(fdAt, 0);
  const target = open(directory, path, {
    follow,
    create,
    truncate,
    exclusive: (oflags & OFLAG.excl) !== 0,
    directory: (oflags & OFLAG.directory) !== 0,
    write: (base & RIGHT.fdWrite) !== 0n,
  });
  const fitting = target.kind === 'directory' ? DIRECTORY_RIGHTS : FILE_RIGHTS;
  const rights = { base: base & passedOn & fitting, inheriting: inheriting & passedOn };
  memory.setU32(fdAt, descriptors.add({ target, preopen: null, position: 0, flags: fdflags, ...rights }));
}

/** The functions that take paths. */
export const PATH: Preview1Part = {
  path_open: pathOpen,
  path_create_directory: ({ memory, descriptors }, fd: number, at: number, length: number) =>
    makeDirectory(descriptors.directory(fd, RIGHT.pathCreateDirectory), memory.text(at, length)),
  path_filestat_get: ({ memory, descriptors }, ...args: readonly [number, number, number, number, number]) => {
    const [fd, lookup, at, length, statAt] = args;
    const directory = descriptors.directory(fd, RIGHT.pathFilestatGet);
    writeFilestat(memory, statAt, find(directory, memory.text(at, length), followOf(lookup)));
  },
  path_filestat_set_times: (
    { memory, descriptors },
    ...args: readonly [number, number, number, number, bigint, bigint, number]
  ) => {
    const [fd, lookup, at, length, accessed, modified, flags] = args;
    const directory = descriptors.directory(fd, RIGHT.pathFilestatSetTimes);
    const node = find(directory, memory.text(at, length), followOf(lookup));
    setTimesByFlags(node, accessed, modified, flags);
  },
  path_link: ({ memory, descriptors }, ...args: readonly [number, number, number, number, number, number, number]) => {
    const [fd, lookup, at, length, toFd, toAt, toLength] = args;
    const from = descriptors.directory(fd, RIGHT.pathLinkSource);
    const to = descriptors.directory(toFd, RIGHT.pathLinkTarget);
    addName(from, memory.text(at, length), followOf(lookup), to, memory.text(toAt, toLength));
  },
  path_readlink: ({ memory, descriptors }, ...args: readonly [number, number, number, number, number, number]) => {
    const [fd, at, length, bufferAt, bufferLength, usedAt] = args;
    const node = find(descriptors.directory(fd, RIGHT.pathReadlink), memory.text(at, length), false);
    if (node.kind !== 'link') throw new Errno('inval');
    const target = encoder.encode(node.target).subarray(0, bufferLength >>> 0);
    memory.bytes(bufferAt, target.length).set(target);
    memory.setU32(usedAt, target.length);
  },
  path_remove_directory: ({ memory, descriptors }, fd: number, at: number, length: number) =>
    removeDirectory(descriptors.directory(fd, RIGHT.pathRemoveDirectory), memory.text(at, length)),
  path_rename: ({ memory, descriptors }, ...args: readonly [number, number, number, number, number, number]) => {
    const [fd, at, length, toFd, toAt, toLength] = args;
    const from = descriptors.directory(fd, RIGHT.pathRenameSource);
    const to = descriptors.directory(toFd, RIGHT.pathRenameTarget);
    rename(from, memory.text(at, length), to, memory.text(toAt, toLength));
  },
  path_symlink: ({ memory, descriptors }, ...args: readonly [number, number, number, number, number]) => {
    const [targetAt, targetLength, fd, at, length] = args;
    const directory = descriptors.directory(fd, RIGHT.pathSymlink);
    makeLink(memory.text(targetAt, targetLength), directory, memory.text(at, length));
  },
  path_unlink_file: ({ memory, descriptors }, fd: number, at: number, length: number) =>
    removeFile(descriptors.directory(fd, RIGHT.pathUnlinkFile), memory.text(at, length)),
};
