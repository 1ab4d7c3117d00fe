/** wasi:filesystem of WASI 0.2 over the trees of a call. [WASI 0.2.12 wasi:filesystem] */
import { type DescriptorFlags, OpenNode } from '../files/descriptor.ts';
import { FileError } from '../files/file-error.ts';
import { addName, makeDirectory, makeLink, removeDirectory, removeFile, rename } from '../files/names.ts';
import { find } from '../files/path.ts';
import { metadataHash, setTimes } from '../files/stat.ts';
import type { GuestCall } from './call.ts';
import { DirectoryEntryStream, FileInputStream, FileOutputStream } from './file-streams.ts';
import {
  type Answer,
  attempt,
  attemptDone,
  describeNode,
  type NewTimestamp,
  newTimeOf,
  placeOf,
  typeOf,
} from './file-values.ts';
import type { IoError } from './io.ts';

interface PathFlags {
  readonly symlinkFollow: boolean;
}
interface OpenFlags {
  readonly create: boolean;
  readonly directory: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
}

type Done = Answer<undefined>;

/** What one read gives at most. */
const MAX_READ_BYTES = 1024 * 1024;

/** wasi:filesystem/types descriptor. */
class Descriptor {
  readonly #open: OpenNode;

  /** Takes over what was opened. */
  constructor(open: OpenNode) {
    this.#open = open;
  }
  [Symbol.dispose](): void {
    this.#open.close();
  }

  readViaStream(offset: bigint): Answer<FileInputStream> {
    return attempt(() => new FileInputStream(this.#open.file('read'), placeOf(offset)));
  }
  writeViaStream(offset: bigint): Answer<FileOutputStream> {
    return attempt(() => new FileOutputStream(this.#open.file('write'), placeOf(offset)));
  }
  appendViaStream(): Answer<FileOutputStream> {
    return attempt(() => new FileOutputStream(this.#open.file('write'), 'end'));
  }
  read(length: bigint, offset: bigint): Answer<readonly [Uint8Array, boolean]> {
    return attempt(() => {
      const file = this.#open.file('read');
      const bytes = file.view(placeOf(offset), Math.min(Number(length), MAX_READ_BYTES));
      return [bytes, placeOf(offset) + bytes.length >= file.size];
    });
  }
  write(bytes: Uint8Array, offset: bigint): Answer<bigint> {
    return attempt(() => {
      this.#open.file('write').write(placeOf(offset), bytes);
      return BigInt(bytes.length);
    });
  }
  readDirectory(): Answer<DirectoryEntryStream> {
    return attempt(() => new DirectoryEntryStream(this.#open.directory()));
  }
  advise(offset: bigint, length: bigint): Done {
    return attemptDone(() => {
      if (this.#open.node.kind === 'directory') throw new FileError('bad-descriptor');
      placeOf(offset);
      placeOf(length);
    });
  }
  sync(): Done {
    return attemptDone(() => undefined);
  }
  syncData(): Done {
    return this.sync();
  }
  getFlags(): Answer<DescriptorFlags> {
    return attempt(() => this.#open.flags);
  }
  getType(): Answer<string> {
    return attempt(() => typeOf(this.#open.node));
  }
  setSize(size: bigint): Done {
    return attemptDone(() => this.#open.file('write').setSize(placeOf(size)));
  }
  setTimes(accessed: NewTimestamp, modified: NewTimestamp): Done {
    return attemptDone(() => setTimes(this.#open.node, newTimeOf(accessed), newTimeOf(modified)));
  }
  stat(): Answer<unknown> {
    return attempt(() => describeNode(this.#open.node));
  }
  isSameObject(other: Descriptor): boolean {
    return this.#open.node === other.#open.node;
  }
  metadataHash(): Answer<unknown> {
    return attempt(() => metadataHash(this.#open.node));
  }

  statAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => describeNode(find(this.#open.directory(), path, symlinkFollow)));
  }
  metadataHashAt({ symlinkFollow }: PathFlags, path: string): Answer<unknown> {
    return attempt(() => metadataHash(find(this.#open.directory(), path, symlinkFollow)));
  }
  setTimesAt({ symlinkFollow }: PathFlags, path: string, accessed: NewTimestamp, modified: NewTimestamp): Done {
    return attemptDone(() => {
      const node = find(this.#open.changeable(), path, symlinkFollow);
      setTimes(node, newTimeOf(accessed), newTimeOf(modified));
    });
  }
  openAt({ symlinkFollow }: PathFlags, path: string, how: OpenFlags, wanted: DescriptorFlags): Answer<Descriptor> {
    return attempt(() => new Descriptor(this.#open.openAt(path, { ...how, follow: symlinkFollow }, wanted)));
  }
  createDirectoryAt(path: string): Done {
    return attemptDone(() => makeDirectory(this.#open.changeable(), path));
  }
  linkAt({ symlinkFollow }: PathFlags, path: string, to: Descriptor, newPath: string): Done {
    return attemptDone(() => addName(this.#open.changeable(), path, symlinkFollow, to.#open.changeable(), newPath));
  }
  symlinkAt(target: string, path: string): Done {
    return attemptDone(() => makeLink(target, this.#open.changeable(), path));
  }
  readlinkAt(path: string): Answer<string> {
    return attempt(() => {
      const node = find(this.#open.directory(), path, false);
      if (node.kind !== 'link') throw new FileError('invalid');
      return node.target;
    });
  }
  renameAt(path: string, to: Descriptor, newPath: string): Done {
    return attemptDone(() => rename(this.#open.changeable(), path, to.#open.changeable(), newPath));
  }
  removeDirectoryAt(path: string): Done {
    return attemptDone(() => removeDirectory(this.#open.changeable(), path));
  }
  unlinkFileAt(path: string): Done {
    return attemptDone(() => removeFile(this.#open.changeable(), path));
  }
}

function getDirectories({ mounts }: GuestCall): readonly (readonly [Descriptor, string])[] {
  return mounts.map(({ path, root }) => [new Descriptor(OpenNode.root(root)), path]);
}

/** The interfaces of wasi:filesystem. */
export const FILESYSTEM: Readonly<Record<string, unknown>> = {
  'wasi:filesystem/preopens': { getDirectories },
  'wasi:filesystem/types': {
    Descriptor,
    DirectoryEntryStream,
    filesystemErrorCode: (_call: unknown, error: IoError) => error.fileError,
  },
};
