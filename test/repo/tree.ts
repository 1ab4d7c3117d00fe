/** Reads the repository's own files for the rule tests: everything that is committed, nothing that setup or a build made. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT: string = resolve(import.meta.dirname, '../..');

const MADE = new Set(['.git', 'node_modules', '.toolchain', 'dist', 'coverage', '.anchorhold']);
const BINARY = /\.(wasm|tgz|png|log)$/;

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (MADE.has(entry.name)) return [];
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() && !BINARY.test(path) ? [path] : [];
  });
}

/** Paths of all text files, from the root, sorted. */
export const FILES: readonly string[] = walk('').sort();

/** Reads one file as text. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Lists the files whose path matches. */
export function filesLike(pattern: RegExp): readonly string[] {
  return FILES.filter((path) => pattern.test(path));
}
