/**
 * The files of an image as a value: sorted, complete and without anything that differs from one machine to the next (no times, no owners
 * but root). Decides which paths can be in an image; the writers (cpio.ts, tar.ts) give it a form.
 */
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';

/** What every entry has; `path` has no leading slash, `mode` is the nine permission bits. Everything belongs to root. */
interface EntryBase {
  readonly path: string;
  readonly mode: number;
  readonly uid: 0;
  readonly gid: 0;
}

export interface TreeFile extends EntryBase {
  readonly kind: 'file';
  readonly bytes: Uint8Array;
}

export interface TreeDirectory extends EntryBase {
  readonly kind: 'directory';
}

/** A symbolic link; `target` may lead anywhere, since only the image itself follows it. */
export interface TreeLink extends EntryBase {
  readonly kind: 'link';
  readonly target: string;
}

/** A character device. */
export interface TreeDevice extends EntryBase {
  readonly kind: 'device';
  readonly major: number;
  readonly minor: number;
}

export type TreeEntry = TreeFile | TreeDirectory | TreeLink | TreeDevice;

/** Entries sorted by path, each once, each in a directory that is there: what `makeTree` gives. */
export type Tree = readonly TreeEntry[];

const ROOT = { uid: 0, gid: 0 } as const;

/** Makes a file of root's; 0644 unless said otherwise. */
export function treeFile(path: string, bytes: Uint8Array, mode: number = 0o644): TreeFile {
  return { path, kind: 'file', mode, ...ROOT, bytes };
}

/** Makes a directory of root's; 0755 unless said otherwise. */
export function treeDirectory(path: string, mode: number = 0o755): TreeDirectory {
  return { path, kind: 'directory', mode, ...ROOT };
}

/** Makes a symbolic link. */
export function treeLink(path: string, target: string): TreeLink {
  return { path, kind: 'link', mode: 0o777, ...ROOT, target };
}

/** Makes a character device of root's. */
export function treeDevice(path: string, mode: number, major: number, minor: number): TreeDevice {
  return { path, kind: 'device', mode, ...ROOT, major, minor };
}

/** One name in a path: printable ASCII, so that every tool and every locale sorts and shows it the same. */
const SEGMENT = /^[!-.0-~]+$/;

/** Tells whether a path can be in an image: relative, no `.` or `..`, no empty name, printable ASCII, at most 240 bytes. */
export function isTreePath(path: string): boolean {
  return (
    path.length <= LIMITS.imagePathBytes &&
    path.split('/').every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..')
  );
}

/** Refuses something that cannot be in an image. */
export function refuseInput(message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_IMAGE', message, { cause });
}

function byPath(a: TreeEntry, b: TreeEntry): number {
  return a.path < b.path ? -1 : 1;
}

/** Gives the directories above a path, outermost first. */
function above(path: string): readonly string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join('/'));
}

/**
 * Makes a tree: sorts the entries, and adds the directories above them that are not named (0755).
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for a path that cannot be, one that is there twice, one below something that is no
 * directory, or a tree over the caps
 */
export function makeTree(entries: readonly TreeEntry[]): Tree {
  const tree = new Map<string, TreeEntry>();
  let bytes = 0;
  for (const entry of entries) {
    const { path, mode } = entry;
    if (!isTreePath(path)) throw refuseInput(`${JSON.stringify(path)} cannot be a path in an image`);
    if (mode !== (mode & 0o777))
      throw refuseInput(`${path} has mode 0${mode.toString(8)}: only permission bits can be`);
    if (tree.has(path)) throw refuseInput(`${path} would be in the image twice`);
    tree.set(path, entry);
    bytes += entry.kind === 'file' ? entry.bytes.length : 0;
    if (bytes > LIMITS.imageBytes) throw refuseInput(`the image is over the cap of ${LIMITS.imageBytes} bytes`);
  }
  for (const { path } of entries) {
    for (const folder of above(path)) {
      const there = tree.get(folder);
      if (there === undefined) tree.set(folder, treeDirectory(folder));
      else if (there.kind !== 'directory') throw refuseInput(`${path} lies below ${folder}, which is no directory`);
    }
  }
  if (tree.size > LIMITS.imageEntries) throw refuseInput(`the image has over ${LIMITS.imageEntries} entries`);
  return [...tree.values()].sort(byPath);
}
