/**
 * An open file or directory as WASI from 0.2 on sees it: what it was opened for. Whether names below it may change is passed on from the directory
 * that a guest begins with, whatever its own flags say; whether its bytes may, is up to the flags. [WASI 0.2.12 wasi:filesystem/types]
 */
import { FileError } from './file-error.ts';
import type { DirectoryNode, FileNode } from './nodes.ts';
import { type OpenHow, open } from './open.ts';

/** What a descriptor was opened for. */
export interface DescriptorFlags {
  readonly read: boolean;
  readonly write: boolean;
  /** These three are remembered and mean nothing: what is in memory is as safe as it will be. */
  readonly fileIntegritySync: boolean;
  readonly dataIntegritySync: boolean;
  readonly requestedWriteSync: boolean;
  readonly mutateDirectory: boolean;
}

const NO_SYNC = { fileIntegritySync: false, dataIntegritySync: false, requestedWriteSync: false };

export class OpenNode {
  readonly node: DirectoryNode | FileNode;
  readonly flags: DescriptorFlags;
  readonly #mayChange: boolean;

  private constructor(node: DirectoryNode | FileNode, flags: DescriptorFlags, mayChange: boolean) {
    this.node = node;
    this.flags = flags;
    this.#mayChange = mayChange;
  }

  /** Opens the root of a tree, for all that the tree allows. */
  static root(root: DirectoryNode): OpenNode {
    root.open();
    const { writable } = root.volume;
    return new OpenNode(root, { ...NO_SYNC, read: true, write: false, mutateDirectory: writable }, writable);
  }

  close(): void {
    this.node.close();
  }

  /** Gives the directory that it is. @throws FileError not-directory */
  directory(): DirectoryNode {
    if (this.node.kind !== 'directory') throw new FileError('not-directory');
    return this.node;
  }

  /** Gives the directory that it is, to change names in. @throws FileError not-directory or read-only */
  changeable(): DirectoryNode {
    const directory = this.directory();
    if (!this.#mayChange) throw new FileError('read-only');
    return directory;
  }

  /** Gives the file that it is, to use its bytes. @throws FileError is-directory, or bad-descriptor when it was not opened for that */
  file(use: 'read' | 'write'): FileNode {
    if (this.node.kind === 'directory') throw new FileError('is-directory');
    if (!this.flags[use]) throw new FileError('bad-descriptor');
    return this.node;
  }

  /** Opens a path below it; what is made can be written, and what is opened for nothing can be read. @throws FileError as `open` */
  openAt(path: string, how: Omit<OpenHow, 'write'>, wanted: DescriptorFlags): OpenNode {
    const write = wanted.write || how.create;
    const isChange = write || how.truncate || wanted.mutateDirectory;
    const start = isChange ? this.changeable() : this.directory();
    const node = open(start, path, { ...how, write });
    const isDirectory = node.kind === 'directory';
    const read = isDirectory || wanted.read || !wanted.write;
    const mutateDirectory = isDirectory && wanted.mutateDirectory;
    return new OpenNode(node, { ...wanted, read, write, mutateDirectory }, this.#mayChange);
  }
}
