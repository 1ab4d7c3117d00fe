/**
 * Writes a tree as a tar archive in the form `ustar`, for `docker import` and OCI layers. As in cpio.ts, what could differ between two builds
 * is fixed: time 0, root by number and without a name. [POSIX.1-2024 XCU pax, ustar]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { refuseInput, type Tree, type TreeEntry } from './tree.ts';

const BLOCK = 512;
const TYPE_FLAGS: Readonly<Record<TreeEntry['kind'], string>> = { file: '0', link: '2', device: '3', directory: '5' };

/** Sizes in bytes of the fields that a long path is divided over, and of a link's target. */
const NAME = 100;
const PREFIX = 155;

/** Divides a path at a slash so that both parts fit their fields. */
function dividePath(path: string): { readonly name: string; readonly prefix: string } {
  if (path.length <= NAME) return { name: path, prefix: '' };
  const at = path.indexOf('/', path.length - NAME - 1);
  if (at <= 0 || at > PREFIX) throw refuseInput(`${path} is too long for a tar archive`);
  return { name: path.slice(at + 1), prefix: path.slice(0, at) };
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}

function headOf(entry: TreeEntry): Uint8Array<ArrayBuffer> {
  const { name, prefix } = dividePath(entry.kind === 'directory' ? `${entry.path}/` : entry.path);
  const target = entry.kind === 'link' ? entry.target : '';
  if (target.length > NAME) throw refuseInput(`${entry.path} leads to a name that is too long for a tar archive`);
  const size = entry.kind === 'file' ? entry.bytes.length : 0;
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const head = new Uint8Array(BLOCK);
  const fields: readonly (readonly [at: number, text: string])[] = [
    [0, name],
    [100, octal(entry.mode, 7)],
    [108, octal(0, 7)],
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(0, 11)],
    [148, ' '.repeat(8)],
    [156, TYPE_FLAGS[entry.kind]],
    [157, target],
    [257, 'ustar\u000000'],
    [329, octal(major, 7)],
    [337, octal(minor, 7)],
    [345, prefix],
  ];
  for (const [at, text] of fields) head.set(encodeUtf8(text), at);
  // The sum counts its own field as spaces.
  head.set(
    encodeUtf8(
      `${octal(
        head.reduce((sum, byte) => sum + byte, 0),
        6,
      )} `,
    ),
    148,
  );
  return head;
}

function blocks(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/**
 * Writes a tree as one tar archive, ended by two empty blocks.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for a path that the form has no room for
 */
export function encodeTar(tree: Tree): Uint8Array<ArrayBuffer> {
  const contentOf = (entry: TreeEntry): Uint8Array => (entry.kind === 'file' ? entry.bytes : new Uint8Array());
  const archive = new Uint8Array(
    tree.reduce((size, entry) => size + BLOCK + blocks(contentOf(entry).length), 2 * BLOCK),
  );
  let at = 0;
  for (const entry of tree) {
    const content = contentOf(entry);
    archive.set(headOf(entry), at);
    archive.set(content, at + BLOCK);
    at += BLOCK + blocks(content.length);
  }
  return archive;
}
