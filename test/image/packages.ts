/** Packages of Debian made by tests, honest and hostile: a tar archive entry by entry, an `ar` archive around it, and a mirror on loopback. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';

/** An entry as it is written, whatever it says: `flag` is the type of ustar. */
export interface RawEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly flag?: string;
  readonly target?: string;
  readonly mode?: number;
  /** Size that the head claims; that of the content when it is left out. */
  readonly size?: number;
}

function head({ name, content = '', flag = '0', target = '', mode = 0o644, size }: RawEntry): Uint8Array {
  const block = Buffer.alloc(512);
  const claimed = size ?? (typeof content === 'string' ? encodeUtf8(content) : content).length;
  block.write(name, 0, 100, 'latin1');
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  block.write(`${claimed.toString(8).padStart(11, '0')}\0`, 124);
  block.write(' '.repeat(8), 148);
  block.write(flag, 156);
  block.write(target, 157, 100, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Writes a tar archive, ended as it should be. */
export function rawTar(entries: readonly RawEntry[]): Uint8Array<ArrayBuffer> {
  const parts = entries.flatMap((entry) => {
    const content = typeof entry.content === 'string' ? encodeUtf8(entry.content) : (entry.content ?? new Uint8Array());
    return [head(entry), content, new Uint8Array((512 - (content.length % 512)) % 512)];
  });
  return concatBytes(...parts, new Uint8Array(1024));
}

/** Writes an `ar` archive. */
export function ar(members: readonly (readonly [name: string, bytes: Uint8Array])[]): Uint8Array<ArrayBuffer> {
  const parts = members.flatMap(([name, bytes]) => [
    encodeUtf8(`${name.padEnd(16)}${'0'.padEnd(32)}${String(bytes.length).padEnd(10)}\`\n`),
    bytes,
    new Uint8Array(bytes.length % 2).fill(10),
  ]);
  return concatBytes(encodeUtf8('!<arch>\n'), ...parts);
}

/** Writes a package of Debian. */
export function makeDeb(entries: readonly RawEntry[], form: 'gz' | 'zst' | 'plain' = 'gz'): Uint8Array<ArrayBuffer> {
  const tar = rawTar(entries);
  const data = { gz: () => gzipSync(tar), zst: () => zstdCompressSync(tar), plain: () => tar }[form]();
  return ar([
    ['debian-binary', encodeUtf8('2.0\n')],
    ['control.tar', rawTar([])],
    [form === 'plain' ? 'data.tar' : `data.tar.${form}`, data],
  ]);
}

export interface FakeMirror {
  /** Address of its folder `debian`. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Files that it has, by path; tests change them. */
  readonly files: Map<string, Uint8Array>;
  close(): Promise<void>;
}

/** Starts a mirror that has what `files` has, and 404 for everything else. */
export async function startMirror(): Promise<FakeMirror> {
  const files = new Map<string, Uint8Array>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').replace(/^\/debian\//, '');
    asked.push(path);
    const file = files.get(path);
    if (file === undefined) response.writeHead(404);
    response.end(file);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`,
    asked,
    files,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
