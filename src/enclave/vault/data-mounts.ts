/** Makes the trees that a function reads of its owners' data, beside its own files. What would hide or contradict another file is refused. */
import { LIMITS } from '../../base/limits.ts';
import type { MountImage } from '../sandbox/files/mount.ts';
import type { TreeItem } from '../sandbox/files/tree-image.ts';

/** One file of one owner, and the path at which the function finds it. */
export interface DataFile {
  readonly owner: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where a function keeps what its own call needs. */
const SCRATCH = 'tmp';

/** Says why files cannot lie beside each other, or null when they can. */
function findClash(files: readonly DataFile[], own: readonly MountImage[]): string | null {
  const taken = new Map<string, string>();
  for (const { path, items } of own)
    for (const item of items)
      if (item.kind !== 'directory') taken.set(`${path === '/' ? '' : path}/${item.path}/`, 'the function itself');
  let bytes = 0;
  for (const { owner, path, bytes: content } of files) {
    if (path.split('/')[1] === SCRATCH) return `${owner} mounts ${path}, and /${SCRATCH} is for what a call keeps`;
    const place = `${path}/`;
    const [, other] = [...taken].find(([there]) => there.startsWith(place) || place.startsWith(there)) ?? [];
    if (other !== undefined) return `${path} of ${owner} is in the way of a file of ${other}`;
    taken.set(place, owner);
    bytes += content.length;
  }
  return bytes > LIMITS.treeBytes ? `the data are ${bytes} bytes together, over the cap of ${LIMITS.treeBytes}` : null;
}

/** Gives the path of the tree that a file belongs to, and its path in there: one tree for each first segment, and the root for files in it. */
function placeOf(path: string): { readonly tree: string; readonly rest: string } {
  const parts = path.split('/').slice(1);
  const [first = '', ...more] = parts;
  return more.length === 0 ? { tree: '/', rest: first } : { tree: `/${first}`, rest: more.join('/') };
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** Puts the data beside a function's own trees; gives why not when it cannot. */
export function mountData(
  own: readonly MountImage[],
  files: readonly DataFile[],
): { readonly mounts: readonly MountImage[] } | { readonly clash: string } {
  const clash = findClash(files, own);
  if (clash !== null) return { clash };
  const trees = new Map<string, TreeItem[]>(own.map(({ path, items }) => [path, [...items]]));
  for (const { path, bytes } of files) {
    const { tree, rest } = placeOf(path);
    const items = trees.get(tree) ?? [];
    const there = new Set(items.map((item) => item.path));
    for (const folder of foldersOf(rest)) if (!there.has(folder)) items.push({ kind: 'directory', path: folder });
    items.push({ kind: 'file', path: rest, bytes });
    trees.set(tree, items);
  }
  return { mounts: [...trees].map(([path, items]) => ({ path, writable: false, items })) };
}
