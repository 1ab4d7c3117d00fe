/**
 * wasi:filesystem of WASI 0.3 over the trees of a call. What a descriptor may do was decided when it was opened; whether a tree may change
 * at all, when it was given. [WASI 0.3.0 wasi:filesystem/types]
 */
import type { GivenFuture, StreamReader } from '../../component/async/host-end.ts';
import { type DescriptorFlags, OpenNode } from '../../files/descriptor.ts';
import { FileError } from '../../files/file-error.ts';
import { addName, makeDirectory, makeLink, removeDirectory, removeFile, rename } from '../../files/names.ts';
import { find } from '../../files/path.ts';
import { metadataHash, setTimes } from '../../files/stat.ts';
import type { GuestCall } from '../call.ts';
import { type NewTimestamp, newTimeOf } from '../file-values.ts';
import { DONE, ok, type Result, type Variant } from '../result.ts';
import { failedStream, type Given, readDirectory, readFile, refuseStream, writeFile } from './file-streams.ts';
import { attempt, describeNode, fileError, typeOf } from './file-values.ts';

type Done = Result<undefined, Variant>;
type Answer<T> = Result<T, Variant>;

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
  readonly #open: OpenNode;

  /** Takes over what was opened. */
  constructor(open: OpenNode) {
    this.#open = open;
  }
  [Symbol.dispose](): void {
    this.#open.close();
  }

  readViaStream(offset: bigint): Given {
    const given = attempt(() => readFile(this.#open.file('read'), toPlace(offset, 'invalid')));
    return given.tag === 'ok' ? given.val : failedStream(given.val.tag as FileError['code']);
  }
  #write(data: StreamReader, placeOf: () => number | 'end'): GivenFuture {
    const given = attempt(() => writeFile(this.#open.file('write'), data, placeOf()));
    return given.tag === 'ok' ? given.val : refuseStream(data, given.val.tag as FileError['code']);
  }
  writeViaStream(data: StreamReader, offset: bigint): GivenFuture {
    return this.#write(data, () => toPlace(offset, 'file-too-large'));
  }
  appendViaStream(data: StreamReader): GivenFuture {
    return this.#write(data, () => 'end');
  }
  readDirectory(): Given {
    if (this.#open.node.kind !== 'directory') return failedStream('not-directory');
    return this.#open.flags.read ? readDirectory(this.#open.node) : failedStream('bad-descriptor');
  }
  advise(): Done {
    return this.#open.node.kind === 'directory' ? fileError('bad-descriptor') : DONE;
  }
  sync(): Done {
    return DONE;
  }
  syncData(): Done {
    return DONE;
  }
  getFlags(): Answer<DescriptorFlags> {
    return ok(this.#open.flags);
  }
  getType(): Answer<Variant> {
    return ok(typeOf(this.#open.node));
  }
  setSize(size: bigint): Done {
    return noValue(() => this.#open.file('write').setSize(toPlace(size, 'file-too-large')));
  }
  setTimes(accessed: NewTimestamp, modified: NewTimestamp): Done {
    return noValue(() => {
      if (!this.#open.flags.write && !this.#open.flags.mutateDirectory) throw new FileError('not-permitted');
      setTimes(this.#open.node, newTimeOf(accessed), newTimeOf(modified));
    });
  }
  stat(): Answer<unknown> {
    return ok(describeNode(this.#open.node));
  }
  metadataHash(): Answer<unknown> {
    return ok(metadataHash(this.#open.node));
  }
  isSameObject(other: Descriptor): boolean {
    return this.#open.node === other.#open.node;
  }

  statAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => describeNode(find(this.#open.directory(), path, symlinkFollow)));
  }
  metadataHashAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => metadataHash(find(this.#open.directory(), path, symlinkFollow)));
  }
  setTimesAt({ symlinkFollow }: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): Done {
    return noValue(() =>
      setTimes(find(this.#open.changeable(), path, symlinkFollow), newTimeOf(accessed), newTimeOf(modified)),
    );
  }
  createDirectoryAt(path: string): Done {
    return noValue(() => makeDirectory(this.#open.changeable(), path));
  }
  linkAt({ symlinkFollow }: PathFlags, path: string, to: Descriptor, newPath: string): Done {
    return noValue(() => addName(this.#open.changeable(), path, symlinkFollow, to.#open.changeable(), newPath));
  }
  openAt({ symlinkFollow }: PathFlags, path: string, how: OpenFlags, wanted: DescriptorFlags): Answer<Descriptor> {
    return attempt(() => new Descriptor(this.#open.openAt(path, { ...how, follow: symlinkFollow }, wanted)));
  }
  readlinkAt(path: string): Answer<string> {
    return attempt(() => {
      const node = find(this.#open.directory(), path, false);
      if (node.kind !== 'link') throw new FileError('invalid');
      return node.target;
    });
  }
  removeDirectoryAt(path: string): Done {
    return noValue(() => removeDirectory(this.#open.changeable(), path));
  }
  renameAt(path: string, to: Descriptor, newPath: string): Done {
    return noValue(() => rename(this.#open.changeable(), path, to.#open.changeable(), newPath));
  }
  symlinkAt(target: string, path: string): Done {
    return noValue(() => makeLink(target, this.#open.changeable(), path));
  }
  unlinkFileAt(path: string): Done {
    return noValue(() => removeFile(this.#open.changeable(), path));
  }
}

function getDirectories({ mounts }: GuestCall): readonly (readonly [Descriptor, string])[] {
  return mounts.map(({ path, root }) => [new Descriptor(OpenNode.root(root)), path]);
}

/** The interfaces of wasi:filesystem. */
export const FILESYSTEM_3: Readonly<Record<string, unknown>> = {
  'wasi:filesystem/types@0.3': { Descriptor },
  'wasi:filesystem/preopens@0.3': { getDirectories },
};
