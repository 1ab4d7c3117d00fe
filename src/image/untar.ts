/**
 * Reads a tar archive into a list of entries: `ustar`, and the long names of GNU tar and of pax, which are all that Debian's and npm's
 * packages have. Decides which archives are refused; which of the files are wanted, take-files.ts decides. [POSIX.1-2024 XCU pax, ustar]
 */

import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { isTreePath, refuseInput } from './tree.ts';

/** An entry: `other` is a device or a pipe, which no package of ours may give us. */
export interface ArchiveEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly executable: boolean;
  /** Contents of a file; a view of the archive. */
  readonly bytes: Uint8Array;
  /** Where a link leads, as it is written there. */
  readonly target: string;
}

const BLOCK = 512;
const KINDS: Readonly<Record<string, ArchiveEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '2': 'link',
  '5': 'directory',
};

function textAt(head: Uint8Array, at: number, size: number, what: string): string {
  const field = head.subarray(at, at + size);
  const end = field.indexOf(0);
  const text = parseUtf8(end === -1 ? field : field.subarray(0, end));
  if (text === null) throw refuseInput(`${what} has a name that is not UTF-8`);
  return text;
}

function numberAt(head: Uint8Array, at: number, size: number, what: string): number {
  const text = textAt(head, at, size, what).trim();
  if (!/^[0-7]{0,11}$/.test(text)) throw refuseInput(`${what} has a number that is not octal`);
  return Number.parseInt(text || '0', 8);
}

/** Reads the records of a pax header, of which only names matter: `LENGTH KEY=VALUE` and a line end each. */
function paxNames(text: string, what: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (let rest = text; rest !== ''; ) {
    const [, length = '', key = ''] = /^(\d{1,5}) ([^=\n]{1,64})=/.exec(rest) ?? [];
    const record = rest.slice(0, Number(length));
    if (length === '' || !record.endsWith('\n')) throw refuseInput(`${what} has a pax header that cannot be read`);
    names.set(key, record.slice(length.length + key.length + 2, -1));
    rest = rest.slice(record.length);
  }
  return names;
}

/** Reads one path; a member that names a place outside of the archive is an attack, wherever its file is to go. */
function pathOf(name: string, what: string): string | null {
  const path = name.replace(/^\.\//, '').replace(/\/+$/, '');
  if (path === '' || path === '.') return null;
  if (path.startsWith('/') || path.split('/').some((segment) => segment === '..' || segment === '')) {
    throw refuseInput(`${what} has an entry ${JSON.stringify(name)} that leads out of it`);
  }
  return path;
}

/**
 * Reads an archive. Entries whose names cannot be in an image are left out; no lock can name them.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for an archive that is cut short, has wrong sums, entries that lead out of it, or too many
 */
export function untar(archive: Uint8Array, what: string): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  let long: { name?: string | undefined; target?: string | undefined } = {};
  for (let at = 0, count = 0; at + BLOCK <= archive.length; count++) {
    const head = archive.subarray(at, at + BLOCK);
    if (head.every((byte) => byte === 0)) return entries;
    if (count >= LIMITS.unpackedEntries) throw refuseInput(`${what} has over ${LIMITS.unpackedEntries} entries`);
    const sum = head.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (sum !== numberAt(head, 148, 8, what)) throw refuseInput(`${what} has an entry whose sum is wrong`);
    const size = numberAt(head, 124, 12, what);
    const flag = String.fromCharCode(head[156] ?? 0);
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.length !== size) throw refuseInput(`${what} is cut short`);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if ('LKxg'.includes(flag)) {
      const text = textAt(bytes, 0, size, what);
      if (flag === 'L') long = { ...long, name: text };
      if (flag === 'K') long = { ...long, target: text };
      if (flag === 'x') {
        const names = paxNames(text, what);
        long = { name: names.get('path'), target: names.get('linkpath') };
      }
      continue;
    }
    const prefix = textAt(head, 257, 6, what) === 'ustar' ? textAt(head, 345, 155, what) : '';
    const name = long.name ?? `${prefix === '' ? '' : `${prefix}/`}${textAt(head, 0, 100, what)}`;
    const path = pathOf(name, what);
    const target = long.target ?? textAt(head, 157, 100, what);
    long = {};
    if (path === null || !isTreePath(path)) continue;
    const executable = (numberAt(head, 100, 8, what) & 0o111) !== 0;
    // A hard link is another name of a file before it.
    if (flag === '1') {
      const same = entries.find((entry) => entry.path === pathOf(target, what) && entry.kind === 'file');
      if (same === undefined) throw refuseInput(`${what} has a hard link ${path} to a file that is not in it`);
      entries.push({ ...same, path });
    } else entries.push({ path, kind: KINDS[flag] ?? 'other', executable, bytes, target });
  }
  throw refuseInput(`${what} is cut short`);
}
