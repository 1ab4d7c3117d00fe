/** Small trees for tests of the file system, and the errors of what is tried on them. */
import { FileError, type FileErrorName } from '../../../../src/enclave/sandbox/files/file-error.ts';
import { type DirectoryNode, FileNode, makeRoot } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { type OpenHow, open } from '../../../../src/enclave/sandbox/files/open.ts';
import { Volume, type VolumeLimits } from '../../../../src/enclave/sandbox/files/volume.ts';

const ROOMY: VolumeLimits = { bytes: 1024 * 1024, entries: 1000 };

/** A clock that goes on by one with every look. */
export function countingClock(): () => bigint {
  let now = 0n;
  return () => {
    now += 1n;
    return now;
  };
}

export function makeTree(limits: Partial<VolumeLimits> = {}, writable = true): DirectoryNode {
  return makeRoot(new Volume({ device: 1n, writable, limits: { ...ROOMY, ...limits }, now: countingClock() }));
}

export const HOW: OpenHow = {
  follow: true,
  create: false,
  exclusive: false,
  directory: false,
  truncate: false,
  write: false,
};

/** Opens a file as a descriptor would; whoever opens closes. */
export function openFile(root: DirectoryNode, path: string, how: Partial<OpenHow> = {}): FileNode {
  const node = open(root, path, { ...HOW, ...how });
  if (!(node instanceof FileNode)) throw new TypeError(`${path} is a directory`);
  return node;
}

/** Makes a file with this content, or replaces the content of the one that is there. */
export function putFile(root: DirectoryNode, path: string, content: string | Uint8Array): void {
  const file = openFile(root, path, { create: true, truncate: true, write: true });
  try {
    file.write(0, typeof content === 'string' ? new TextEncoder().encode(content) : content);
  } finally {
    file.close();
  }
}

export function readFile(root: DirectoryNode, path: string): string {
  const file = openFile(root, path);
  const text = new TextDecoder().decode(file.view(0, file.size));
  file.close();
  return text;
}

/** Gives the name of the error, or what was done instead of failing. */
export function errorOf(run: () => unknown): FileErrorName | { readonly gave: unknown } {
  try {
    return { gave: run() };
  } catch (e) {
    if (e instanceof FileError) return e.code;
    throw e;
  }
}
