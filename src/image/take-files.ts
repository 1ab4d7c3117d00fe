/**
 * Takes the listed files of a package, and nothing else: what a package brings along does not get into an image. Links inside the package are
 * followed, so that what is taken are files only; a link out of it, a device, or a file that is missing is refused.
 */
import { makeTree, refuseInput, type Tree, treeFile } from './tree.ts';
import type { ArchiveEntry } from './untar.ts';

/** Links that one path may lead over. */
const MAX_LINKS = 8;

/** Joins the folder of a link and its target to a path inside the package; null when it leads out. */
function followLink(path: string, target: string): string | null {
  const segments = target.startsWith('/') ? [] : path.split('/').slice(0, -1);
  for (const segment of target.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') segments.push(segment);
    else if (segments.pop() === undefined) return null;
  }
  return segments.join('/');
}

/**
 * Takes files: a path of the list is a file, or, with a slash at its end, all files below it (links that lead out are then left out).
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function takeFiles(entries: readonly ArchiveEntry[], list: readonly string[], what: string): Tree {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const find = (path: string): ArchiveEntry | null => {
    let at: string | null = path;
    for (let links = 0; at !== null && links <= MAX_LINKS; links++) {
      const entry = byPath.get(at);
      if (entry?.kind !== 'link') return entry ?? null;
      at = followLink(at, entry.target);
    }
    return null;
  };
  const take = (path: string) => {
    const entry = find(path);
    if (entry === null) throw refuseInput(`${what} has no file ${path}, or one that leads out of it`);
    if (entry.kind !== 'file') throw refuseInput(`${what}: ${path} is not a file`);
    return treeFile(path, entry.bytes, entry.executable ? 0o755 : 0o644);
  };
  const below = (folder: string) => {
    const inside = [...byPath.values()].filter(({ path, kind }) => path.startsWith(folder) && kind !== 'directory');
    const there = inside.filter(({ path, kind }) => kind !== 'link' || find(path)?.kind === 'file');
    if (there.length === 0) throw refuseInput(`${what} has no files below ${folder}`);
    return there.map(({ path }) => take(path));
  };
  return makeTree(list.flatMap((path) => (path.endsWith('/') ? below(path) : [take(path)])));
}
