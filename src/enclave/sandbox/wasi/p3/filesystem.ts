/**
 * wasi:filesystem of WASI 0.3 over the trees of a call. What a descriptor may do was decided when it was opened; whether a tree may change
 * at all, when it was given. [WASI 0.3.0 wasi:filesystem/types]
 */
import type { GivenFuture, StreamReader } from '../../component/async/host-end.ts';
import { FileError } from '../../files/file-error.ts';
import { addName, makeDirectory, makeLink, removeDirectory, removeFile, rename } from '../../files/names.ts';
import type { DirectoryNode, FileNode } from '../../files/nodes.ts';
import { open } from '../../files/open.ts';
import { find } from '../../files/path.ts';
import { setTimes } from '../../files/stat.ts';
import type { GuestCall } from '../call.ts';
import { DONE, ok, type Result, type Variant } from '../result.ts';
import { failedStream, type Given, readDirectory, readFile, refuseStream, writeFile } from './file-streams.ts';
import { attempt, describeNode, fileError, hashOf, type NewTimestamp, newTimeOf, typeOf } from './file-values.ts';

type Done = Result<undefined, Variant>;
type Answer<T> = Result<T, Variant>;

interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  readonly mutateDirectory: boolean;
}
interface PathFlags {
  readonly symlinkFollow: boolean;
}
interface OpenFlags {
  readonly create: boolean;
  readonly directory: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
}

const noValue = (run: () => void): Done => {
  const result = attempt(run);
  return result.tag === 'ok' ? DONE : result;
};

/** Reads a place or size in a file; beyond what a number holds exactly there is none. */
function toPlace(offset: bigint, code: FileError['code']): number {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new FileError(code);
  return Number(offset);
}

/** wasi:filesystem/types descriptor. */
export class Descriptor {
  readonly #node: DirectoryNode | FileNode;
  readonly #rights: Rights;

  /** Takes over one opening of the node. */
  constructor(node: DirectoryNode | FileNode, rights: Rights) {
    this.#node = node;
    this.#rights = rights;
  }
  [Symbol.dispose](): void {
    this.#node.close();
  }

  /** The directory that it stands for. @throws FileError not-directory */
  get #directory(): DirectoryNode {
    if (this.#node.kind !== 'directory') throw new FileError('not-directory');
    return this.#node;
  }
  /** The same, to change names in. @throws FileError not-directory or read-only */
  get #changeable(): DirectoryNode {
    const directory = this.#directory;
    if (!this.#rights.mutateDirectory) throw new FileError('read-only');
    return directory;
  }
  /** The file that it stands for, with a right to its content. @throws FileError is-directory or bad-descriptor */
  #file(right: 'read' | 'write'): FileNode {
    if (this.#node.kind === 'directory') throw new FileError('is-directory');
    if (!this.#rights[right]) throw new FileError('bad-descriptor');
    return this.#node;
  }

  readViaStream(offset: bigint): Given {
    const given = attempt(() => readFile(this.#file('read'), toPlace(offset, 'invalid')));
    return given.tag === 'ok' ? given.val : failedStream(given.val.tag as FileError['code']);
  }
  #write(data: StreamReader, placeOf: () => number | 'end'): GivenFuture {
    const given = attempt(() => writeFile(this.#file('write'), data, placeOf()));
    return given.tag === 'ok' ? given.val : refuseStream(data, given.val.tag as FileError['code']);
  }
  writeViaStream(data: StreamReader, offset: bigint): GivenFuture {
    return this.#write(data, () => toPlace(offset, 'file-too-large'));
  }
  appendViaStream(data: StreamReader): GivenFuture {
    return this.#write(data, () => 'end');
  }
  readDirectory(): Given {
    if (this.#node.kind !== 'directory') return failedStream('not-directory');
    return this.#rights.read ? readDirectory(this.#node) : failedStream('bad-descriptor');
  }
  advise(): Done {
    return this.#node.kind === 'directory' ? fileError('bad-descriptor') : DONE;
  }
  sync(): Done {
    return DONE;
  }
  syncData(): Done {
    return DONE;
  }
  getFlags(): Answer<Rights> {
    return ok(this.#rights);
  }
  getType(): Answer<Variant> {
    return ok(typeOf(this.#node));
  }
  setSize(size: bigint): Done {
    return noValue(() => this.#file('write').setSize(toPlace(size, 'file-too-large')));
  }
  setTimes(accessed: NewTimestamp, modified: NewTimestamp): Done {
    return noValue(() => {
      if (!this.#rights.write && !this.#rights.mutateDirectory) throw new FileError('not-permitted');
      setTimes(this.#node, newTimeOf(accessed), newTimeOf(modified));
    });
  }
  stat(): Answer<unknown> {
    return ok(describeNode(this.#node));
  }
  metadataHash(): Answer<unknown> {
    return ok(hashOf(this.#node));
  }
  isSameObject(other: Descriptor): boolean {
    return this.#node === other.#node;
  }

  statAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => describeNode(find(this.#directory, path, symlinkFollow)));
  }
  metadataHashAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => hashOf(find(this.#directory, path, symlinkFollow)));
  }
  setTimesAt({ symlinkFollow }: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): Done {
    return noValue(() =>
      setTimes(find(this.#changeable, path, symlinkFollow), newTimeOf(accessed), newTimeOf(modified)),
    );
  }
  createDirectoryAt(path: string): Done {
    return noValue(() => makeDirectory(this.#changeable, path));
  }
  linkAt({ symlinkFollow }: PathFlags, path: string, to: Descriptor, newPath: string): Done {
    return noValue(() => addName(this.#changeable, path, symlinkFollow, to.#changeable, newPath));
  }
  openAt({ symlinkFollow }: PathFlags, path: string, how: OpenFlags, wanted: Rights): Answer<Descriptor> {
    return attempt(() => {
      const write = wanted.write || how.create;
      const isChange = write || how.truncate || wanted.mutateDirectory;
      const start = isChange ? this.#changeable : this.#directory;
      if (wanted.mutateDirectory) start.volume.needWritable();
      const node = open(start, path, { ...how, follow: symlinkFollow, write });
      const read = wanted.read || !(wanted.write || wanted.mutateDirectory);
      const mutateDirectory = node.kind === 'directory' && wanted.mutateDirectory;
      return new Descriptor(node, { read, write, mutateDirectory });
    });
  }
  readlinkAt(path: string): Answer<string> {
    return attempt(() => {
      const node = find(this.#directory, path, false);
      if (node.kind !== 'link') throw new FileError('invalid');
      return node.target;
    });
  }
  removeDirectoryAt(path: string): Done {
    return noValue(() => removeDirectory(this.#changeable, path));
  }
  renameAt(path: string, to: Descriptor, newPath: string): Done {
    return noValue(() => rename(this.#changeable, path, to.#changeable, newPath));
  }
  symlinkAt(target: string, path: string): Done {
    return noValue(() => makeLink(target, this.#changeable, path));
  }
  unlinkFileAt(path: string): Done {
    return noValue(() => removeFile(this.#changeable, path));
  }
}

function getDirectories({ mounts }: GuestCall): readonly (readonly [Descriptor, string])[] {
  return mounts.map(({ path, root }) => {
    root.open();
    return [new Descriptor(root, { read: true, write: false, mutateDirectory: root.volume.writable }), path];
  });
}

/** The interfaces of wasi:filesystem. */
export const FILESYSTEM_3: Readonly<Record<string, unknown>> = {
  'wasi:filesystem/types@0.3': { Descriptor },
  'wasi:filesystem/preopens@0.3': { getDirectories },
};
