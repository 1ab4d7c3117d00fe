/**
 * The nodes of a tree: directories, files, symbolic links, with their times, names and link counts. A node is gone, and its bytes are given
 * back, when no name and no open descriptor has it any more. Who may change what is decided by those who call.
 */
import { encodeUtf8 } from '../../../base/bytes.ts';
import { FileContent } from './content.ts';
import { FileError } from './file-error.ts';
import type { Volume } from './volume.ts';

/** Times of a node in nanoseconds since 1970. Reading leaves them as they are. */
export interface NodeTimes {
  accessed: bigint;
  modified: bigint;
  /** When anything of it changed, its times and names among it. */
  changed: bigint;
}

abstract class AnyNode {
  readonly volume: Volume;
  readonly serial: bigint;
  readonly times: NodeTimes;
  /** Names that stand for this node. */
  links = 0;
  #opened = 0;

  constructor(volume: Volume) {
    this.volume = volume;
    this.serial = volume.nextSerial();
    const now = volume.now();
    this.times = { accessed: now, modified: now, changed: now };
  }

  /** Notes that the content changed. */
  touch(): void {
    this.times.modified = this.volume.now();
    this.times.changed = this.times.modified;
  }

  /** Keeps the node alive while a descriptor is open. */
  open(): void {
    this.#opened += 1;
  }

  close(): void {
    this.#opened -= 1;
    this.endIfUnused();
  }

  endIfUnused(): void {
    if (this.links === 0 && this.#opened === 0) this.end();
  }

  /** Gives back what the node holds. */
  protected abstract end(): void;
}

export class FileNode extends AnyNode {
  readonly kind = 'file';
  readonly #content: FileContent;
  /** True once the bytes are others than the file was made with. */
  isChanged = false;

  /** Makes a file that has no name yet; it takes the bytes as they are. @throws FileError insufficient-space */
  constructor(volume: Volume, bytes: Uint8Array) {
    super(volume);
    this.#content = new FileContent(volume, bytes);
  }

  get size(): number {
    return this.#content.size;
  }

  /** Gives the bytes from this place on, at most so many, without a copy; they are good until the next change. */
  view(from: number, length: number): Uint8Array {
    return this.#content.view(from, length);
  }

  /** Writes at this place, past the end too. @throws FileError read-only, file-too-large or insufficient-space */
  write(at: number, bytes: Uint8Array): void {
    this.volume.needWritable();
    if (bytes.length === 0) return;
    this.#content.write(at, bytes);
    this.#noteChange();
  }

  /** Cuts the file, or lengthens it with zeros. @throws FileError read-only, file-too-large or insufficient-space */
  setSize(size: number): void {
    this.volume.needWritable();
    this.#content.resize(size);
    this.#noteChange();
  }

  #noteChange(): void {
    this.isChanged = true;
    this.touch();
  }

  protected end(): void {
    this.#content.resize(0);
  }
}

export class LinkNode extends AnyNode {
  readonly kind = 'link';
  readonly target: string;
  readonly targetBytes: number;

  /** @throws FileError insufficient-space */
  constructor(volume: Volume, target: string) {
    super(volume);
    this.target = target;
    this.targetBytes = encodeUtf8(target).length;
    volume.takeBytes(this.targetBytes);
  }

  protected end(): void {
    this.volume.takeBytes(-this.targetBytes);
  }
}

/** Cookies up to this one stand for the beginning, `.` and `..`. */
const LAST_DOT_COOKIE = 2n;

/** A name in a directory; `cookie` grows with every name that is added, so that a reader can go on after the last one it saw. */
export interface Entry {
  readonly name: string;
  readonly node: TreeNode;
  readonly cookie: bigint;
}

export class DirectoryNode extends AnyNode {
  readonly kind = 'directory';
  /** The directory that this one is in; null for the root, and once it is removed. */
  parent: DirectoryNode | null = null;
  #lastCookie = LAST_DOT_COOKIE;
  readonly #entries = new Map<string, Entry & { readonly nameBytes: number }>();

  /** The number of names in it. */
  get size(): number {
    return this.#entries.size;
  }

  get(name: string): TreeNode | null {
    return this.#entries.get(name)?.node ?? null;
  }

  /** Gives its names, the oldest first. */
  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Adds a name that is not there yet. @throws FileError insufficient-space */
  attach(name: string, node: TreeNode): void {
    const nameBytes = encodeUtf8(name).length;
    this.volume.takeEntry(nameBytes);
    this.#lastCookie += 1n;
    this.#entries.set(name, { name, node, cookie: this.#lastCookie, nameBytes });
    node.links += 1;
    if (node.kind === 'directory') node.parent = this;
  }

  /** Takes a name out, and gives the node that it stood for; whoever takes it ends it, or names it anew. */
  detach(name: string): TreeNode {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new FileError('no-entry');
    this.#entries.delete(name);
    this.volume.giveEntry(entry.nameBytes);
    const { node } = entry;
    node.links -= 1;
    if (node.kind === 'directory') node.parent = null;
    return node;
  }

  protected end(): void {
    // It is empty: only empty directories lose their name.
  }
}

export type TreeNode = DirectoryNode | FileNode | LinkNode;

/** Makes the root of a tree, which has one name more than those in directories. */
export function makeRoot(volume: Volume): DirectoryNode {
  const root = new DirectoryNode(volume);
  root.links = 1;
  return root;
}
