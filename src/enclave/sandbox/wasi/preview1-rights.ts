/** The rights and flags of preview1's descriptors. [WASI snapshot-01 rights, fdflags, oflags, lookupflags, fstflags] */

/** Every right, in the order of its bit. */
const RIGHT_NAMES = [
  'fdDatasync',
  'fdRead',
  'fdSeek',
  'fdFdstatSetFlags',
  'fdSync',
  'fdTell',
  'fdWrite',
  'fdAdvise',
  'fdAllocate',
  'pathCreateDirectory',
  'pathCreateFile',
  'pathLinkSource',
  'pathLinkTarget',
  'pathOpen',
  'fdReaddir',
  'pathReadlink',
  'pathRenameSource',
  'pathRenameTarget',
  'pathFilestatGet',
  'pathFilestatSetSize',
  'pathFilestatSetTimes',
  'fdFilestatGet',
  'fdFilestatSetSize',
  'fdFilestatSetTimes',
  'pathSymlink',
  'pathRemoveDirectory',
  'pathUnlinkFile',
  'pollFdReadwrite',
] as const;

/** The bit of each right. */
export const RIGHT: Readonly<Record<(typeof RIGHT_NAMES)[number], bigint>> = Object.fromEntries(
  RIGHT_NAMES.map((name, bit) => [name, 1n << BigInt(bit)]),
) as Record<(typeof RIGHT_NAMES)[number], bigint>;

const allOf = (...rights: readonly bigint[]): bigint => rights.reduce((sum, right) => sum | right, 0n);

/** What can be done with any node. */
const NODE_RIGHTS: bigint = allOf(
  RIGHT.fdDatasync,
  RIGHT.fdSync,
  RIGHT.fdFdstatSetFlags,
  RIGHT.fdFilestatGet,
  RIGHT.fdFilestatSetTimes,
  RIGHT.pollFdReadwrite,
);

/** What can be done with a file. */
export const FILE_RIGHTS: bigint = allOf(
  NODE_RIGHTS,
  RIGHT.fdRead,
  RIGHT.fdWrite,
  RIGHT.fdSeek,
  RIGHT.fdTell,
  RIGHT.fdAdvise,
  RIGHT.fdAllocate,
  RIGHT.fdFilestatSetSize,
);

/** What can be done with a directory. */
export const DIRECTORY_RIGHTS: bigint = allOf(
  NODE_RIGHTS,
  RIGHT.pathCreateDirectory,
  RIGHT.pathCreateFile,
  RIGHT.pathLinkSource,
  RIGHT.pathLinkTarget,
  RIGHT.pathOpen,
  RIGHT.fdReaddir,
  RIGHT.pathReadlink,
  RIGHT.pathRenameSource,
  RIGHT.pathRenameTarget,
  RIGHT.pathFilestatGet,
  RIGHT.pathFilestatSetSize,
  RIGHT.pathFilestatSetTimes,
  RIGHT.pathSymlink,
  RIGHT.pathRemoveDirectory,
  RIGHT.pathUnlinkFile,
);

/** What can be done with a standard stream, besides reading or writing it. It can neither seek nor tell: that is how a terminal is known. */
export const STREAM_RIGHTS: bigint = allOf(RIGHT.fdFdstatSetFlags, RIGHT.fdFilestatGet, RIGHT.pollFdReadwrite);

export const FDFLAG = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const ALL_FDFLAGS = 31;
/** What can be changed of an open descriptor; the others stay as they are. */
export const CHANGEABLE_FDFLAGS: number = FDFLAG.append | FDFLAG.nonblock;

export const OFLAG = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
export const ALL_OFLAGS = 15;

export const SYMLINK_FOLLOW = 1;

export const FSTFLAG = { atim: 1, atimNow: 2, mtim: 4, mtimNow: 8 } as const;
export const ALL_FSTFLAGS = 15;
