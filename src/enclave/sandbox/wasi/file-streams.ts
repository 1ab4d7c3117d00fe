/** Files as streams of WASI 0.2. A file stays alive as long as one of its streams, whatever becomes of its name and its descriptor. [WASI 0.2.12 wasi:filesystem/types] */
import { FileError } from '../files/file-error.ts';
import { listDirectory } from '../files/list.ts';
import type { DirectoryNode, FileNode } from '../files/nodes.ts';
import type { ByteSink, ByteSource } from './byte-stream.ts';
import { type Answer, typeOf } from './file-values.ts';
import { InputStream, OutputStream } from './io.ts';
import { ok } from './result.ts';

/** The bytes of a file from a place on; more may come when somebody writes. */
class FileSource implements ByteSource {
  readonly #file: FileNode;
  #at: number;
  constructor(file: FileNode, at: number) {
    this.#file = file;
    this.#at = at;
  }
  get available(): number {
    return Math.max(this.#file.size - this.#at, 0);
  }
  get state(): ByteSource['state'] {
    return this.available > 0 ? 'open' : 'ended';
  }
  take(maxBytes: number): Uint8Array {
    const bytes = this.#file.view(this.#at, maxBytes);
    this.#at += bytes.length;
    return bytes;
  }
  changed(): Promise<void> {
    return Promise.resolve();
  }
  cancel(): void {
    this.#at = Number.MAX_SAFE_INTEGER;
  }
}

/** A place in a file to write to; the first write that fails closes it. */
class FileSink implements ByteSink {
  readonly #file: FileNode;
  #at: number | 'end';
  readonly room: number = Number.MAX_SAFE_INTEGER;
  state: ByteSink['state'] = 'open';
  failure?: string;
  constructor(file: FileNode, at: number | 'end') {
    this.#file = file;
    this.#at = at;
  }
  write(bytes: Uint8Array): boolean {
    try {
      this.#file.write(this.#at === 'end' ? this.#file.size : this.#at, bytes);
    } catch (e) {
      if (!(e instanceof FileError)) throw e;
      this.failure = e.code;
      this.state = 'closed';
      return false;
    }
    if (this.#at !== 'end') this.#at += bytes.length;
    return true;
  }
  end(): void {
    this.state = 'closed';
  }
  abort(): void {
    this.state = 'closed';
  }
  changed(): Promise<void> {
    return Promise.resolve();
  }
}

export class FileInputStream extends InputStream {
  readonly #file: FileNode;
  constructor(file: FileNode, at: number) {
    super(new FileSource(file, at));
    file.open();
    this.#file = file;
  }
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

export class FileOutputStream extends OutputStream {
  readonly #file: FileNode;
  constructor(file: FileNode, at: number | 'end') {
    super(new FileSink(file, at));
    file.open();
    this.#file = file;
  }
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** What stands before the first name: `.` and `..`, which are no names here. */
const DOTS = 2n;

/** wasi:filesystem/types directory-entry-stream. */
export class DirectoryEntryStream {
  readonly #directory: DirectoryNode;
  readonly #entries: ReturnType<typeof listDirectory>;
  constructor(directory: DirectoryNode) {
    directory.open();
    this.#directory = directory;
    this.#entries = listDirectory(directory, DOTS);
  }
  readDirectoryEntry(): Answer<unknown> {
    const next = this.#entries.next();
    return ok(next.done === true ? undefined : { type: typeOf(next.value.node), name: next.value.name });
  }
  [Symbol.dispose](): void {
    this.#directory.close();
  }
}
