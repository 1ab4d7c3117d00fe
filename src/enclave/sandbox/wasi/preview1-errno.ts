/** The error numbers of preview1 that the host answers with, and which of them each error of a file is. [WASI snapshot-01 errno] */
import { FileError, type FileErrorName } from '../files/file-error.ts';

export const ERRNO = {
  success: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  io: 29,
  isdir: 31,
  loop: 32,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsock: 57,
  overflow: 61,
  perm: 63,
  rofs: 69,
  spipe: 70,
  xdev: 75,
  notcapable: 76,
} as const;

/** Ends a function of preview1 with an error number; the guest goes on. */
export class Errno extends Error {
  readonly number: number;
  constructor(name: keyof typeof ERRNO) {
    super(name);
    this.number = ERRNO[name];
  }
}

const OF_FILES: Readonly<Record<FileErrorName, number>> = {
  'no-entry': ERRNO.noent,
  exist: ERRNO.exist,
  'not-directory': ERRNO.notdir,
  'is-directory': ERRNO.isdir,
  'not-empty': ERRNO.notempty,
  loop: ERRNO.loop,
  invalid: ERRNO.inval,
  'illegal-byte-sequence': ERRNO.ilseq,
  'bad-descriptor': ERRNO.badf,
  'read-only': ERRNO.rofs,
  'not-permitted': ERRNO.perm,
  'cross-device': ERRNO.xdev,
  'name-too-long': ERRNO.nametoolong,
  'file-too-large': ERRNO.fbig,
  'insufficient-space': ERRNO.nospc,
};

/** Gives the number of what a guest did wrong; null for anything else, which is the host's own fault. */
export function errnoOf(e: unknown): number | null {
  if (e instanceof Errno) return e.number;
  return e instanceof FileError ? OF_FILES[e.code] : null;
}
