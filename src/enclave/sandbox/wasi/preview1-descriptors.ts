/** The descriptors of one preview1 guest: standard streams, the directories it begins with from 3 on, and what it opens. [WASI snapshot-01 fd] */
import { LIMITS } from '../../../base/limits.ts';
import { DirectoryNode, FileNode } from '../files/nodes.ts';
import type { GuestCall } from './call.ts';
import { Errno } from './preview1-errno.ts';
import { DIRECTORY_RIGHTS, FILE_RIGHTS, RIGHT, STREAM_RIGHTS } from './preview1-rights.ts';

/** A standard stream, by the number that it begins with. */
export class StandardStream {
  readonly kind = 'stream';
  readonly number: 0 | 1 | 2;
  constructor(number: 0 | 1 | 2) {
    this.number = number;
  }
}

export interface Descriptor {
  readonly target: StandardStream | FileNode | DirectoryNode;
  /** By which path the guest knows a directory that it begins with; null for all others. */
  readonly preopen: string | null;
  /** Where the next byte of a file is read or written. */
  position: number;
  flags: number;
  base: bigint;
  inheriting: bigint;
}

/** The first number that is no standard stream. Nothing that a guest opens takes the place of one that it closed. */
const FIRST = 3;

function openStream(number: 0 | 1 | 2): Descriptor {
  const base = STREAM_RIGHTS | (number === 0 ? RIGHT.fdRead : RIGHT.fdWrite);
  return { target: new StandardStream(number), preopen: null, position: 0, flags: 0, base, inheriting: 0n };
}

export class DescriptorTable {
  readonly #open = new Map<number, Descriptor>();
  /** No number from FIRST up to here, and not this one, is free. */
  #firstFree = FIRST;

  constructor({ mounts }: GuestCall) {
    for (const number of [0, 1, 2] as const) this.#open.set(number, openStream(number));
    for (const { path, root } of mounts) {
      root.open();
      const inheriting = DIRECTORY_RIGHTS | FILE_RIGHTS;
      this.add({ target: root, preopen: path, position: 0, flags: 0, base: DIRECTORY_RIGHTS, inheriting });
    }
  }

  /** Gives an open descriptor; anything else is `badf`, and without all of these rights it is `notcapable`. */
  get(fd: number, rights: bigint): Descriptor {
    const descriptor = this.#open.get(fd >>> 0);
    if (descriptor === undefined) throw new Errno('badf');
    if ((descriptor.base & rights) !== rights) throw new Errno('notcapable');
    return descriptor;
  }

  /** Gives an open file; a directory is `isdir` and a stream `spipe`. */
  file(fd: number, rights: bigint): Descriptor & { readonly target: FileNode } {
    const descriptor = this.get(fd, 0n);
    const { target } = descriptor;
    if (target instanceof DirectoryNode) throw new Errno('isdir');
    if (!(target instanceof FileNode)) throw new Errno('spipe');
    return this.get(fd, rights) as Descriptor & { readonly target: FileNode };
  }

  /** Gives an open directory; anything else is `notdir`. */
  directory(fd: number, rights: bigint): DirectoryNode {
    const { target } = this.get(fd, 0n);
    if (!(target instanceof DirectoryNode)) throw new Errno('notdir');
    this.get(fd, rights);
    return target;
  }

  /** Tells whether there is room for one more; it has to be asked before something is opened. */
  needRoom(): void {
    if (this.#open.size >= LIMITS.descriptors) throw new Errno('mfile');
  }

  /** Adds a descriptor of a node that was opened for it, at the lowest free number. */
  add(descriptor: Descriptor): number {
    let fd = this.#firstFree;
    while (this.#open.has(fd)) fd += 1;
    this.#open.set(fd, descriptor);
    this.#firstFree = fd + 1;
    return fd;
  }

  close(fd: number): void {
    this.#end(this.get(fd, 0n));
    this.#forget(fd >>> 0);
  }

  /** Gives one descriptor the number of another, which is closed. */
  renumber(from: number, to: number): void {
    const descriptor = this.get(from, 0n);
    const replaced = this.get(to, 0n);
    if (descriptor === replaced) return;
    this.#end(replaced);
    this.#open.set(to >>> 0, descriptor);
    this.#forget(from >>> 0);
  }

  #forget(fd: number): void {
    this.#open.delete(fd);
    if (fd >= FIRST) this.#firstFree = Math.min(this.#firstFree, fd);
  }

  #end({ target }: Descriptor): void {
    if (!(target instanceof StandardStream)) target.close();
  }
}
