/** Reading and writing of files as streams. A file stays open as long as a stream of it does, whatever becomes of its descriptor. [WASI 0.3.0 wasi:filesystem/types] */
import { LIMITS } from '../../../../base/limits.ts';
import { GivenFuture, GivenStream, type StreamReader, type StreamWriter } from '../../component/async/host-end.ts';
import { FileError } from '../../files/file-error.ts';
import { listDirectory } from '../../files/list.ts';
import type { DirectoryNode, FileNode } from '../../files/nodes.ts';
import type { ByteSource } from '../byte-stream.ts';
import { DONE, type Result, type Variant } from '../result.ts';
import { giveBytes } from './byte-pumps.ts';
import { fileError, typeOf } from './file-values.ts';

/** What stands before the first name: `.` and `..`, which are no names here. */
const DOTS = 2n;
/** Names at once. */
const MAX_NAMES = 256;

/** A stream with the future that says how it went. */
export type Given = readonly [GivenStream, GivenFuture];

const settled = (result: Result<undefined, Variant>): GivenFuture => new GivenFuture(Promise.resolve(result));

/** Makes a stream that ends at once, with the reason. */
export function failedStream(code: FileError['code']): Given {
  return [new GivenStream((writer) => writer.end()), settled(fileError(code))];
}

/** Makes a future of a failure, for a stream that is not read. */
export function refuseStream(data: StreamReader, code: FileError['code']): GivenFuture {
  data.drop();
  return settled(fileError(code));
}

function bytesFrom(file: FileNode, offset: number): ByteSource {
  let at = offset;
  return {
    state: 'ended',
    get available() {
      return Math.max(0, file.size - at);
    },
    take(maxBytes) {
      const bytes = file.view(at, maxBytes).slice();
      at += bytes.length;
      return bytes;
    },
    changed: () => Promise.resolve(),
    cancel: () => undefined,
  };
}

/** Reads a file from an offset to its end. */
export function readFile(file: FileNode, offset: number): Given {
  file.open();
  const { stream, end } = giveBytes(bytesFrom(file, offset));
  return [
    stream,
    new GivenFuture(
      end.then(() => {
        file.close();
        return DONE;
      }),
    ),
  ];
}

/** Writes a stream into a file: from an offset on, or wherever its end is. */
async function pourIn(file: FileNode, data: StreamReader, offset: number | 'end'): Promise<Result<undefined, Variant>> {
  let at = offset === 'end' ? 0 : offset;
  file.open();
  try {
    for (;;) {
      const pieces = await data.read(LIMITS.guestStreamBytes);
      if (pieces === null) return DONE;
      for (const bytes of pieces as readonly Uint8Array[]) {
        file.write(offset === 'end' ? file.size : at, bytes);
        at += bytes.length;
      }
    }
  } catch (e) {
    if (e instanceof FileError) return fileError(e.code);
    throw e;
  } finally {
    data.drop();
    file.close();
  }
}

/** Writes a stream into a file; the future says how that went. */
export function writeFile(file: FileNode, data: StreamReader, offset: number | 'end'): GivenFuture {
  return new GivenFuture(pourIn(file, data, offset));
}

async function giveNames(directory: DirectoryNode, writer: StreamWriter): Promise<void> {
  let cookie = DOTS;
  for (;;) {
    await writer.ready();
    if (writer.isDropped) return;
    writer.answerProbe();
    const items: unknown[] = [];
    for (const { name, node, cookie: at } of listDirectory(directory, cookie)) {
      if (items.length >= Math.min(writer.wanted, MAX_NAMES)) break;
      items.push({ type: typeOf(node), name });
      cookie = at;
    }
    if (writer.wanted > 0 && items.length === 0) return writer.end();
    await writer.write(items);
  }
}

/** Reads the names in a directory. */
export function readDirectory(directory: DirectoryNode): Given {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  directory.open();
  const stream = new GivenStream((writer) => {
    const over = (): void => {
      directory.close();
      resolve(DONE);
    };
    giveNames(directory, writer).then(over, over);
  });
  return [stream, new GivenFuture(promise)];
}
