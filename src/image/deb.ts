/** Reads a package of Debian: an `ar` archive, in which `data.tar` holds the files. Maintainer scripts are not looked at. [deb(5)] */
import { decompress } from './decompress.ts';
import { refuseInput } from './tree.ts';
import { type ArchiveEntry, untar } from './untar.ts';

const MAGIC = '!<arch>\n';
const HEAD_SIZE = 60;
/** Members of a package; no real one has more than a handful. */
const MAX_MEMBERS = 16;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Finds a member whose name begins with `data.tar`. */
function findData(deb: Uint8Array, what: string): { readonly name: string; readonly bytes: Uint8Array } {
  if (latin1(deb.subarray(0, MAGIC.length)) !== MAGIC) throw refuseInput(`${what} is not a package of Debian`);
  let at = MAGIC.length;
  for (let count = 0; count < MAX_MEMBERS && at < deb.length; count++) {
    const [, name = '', size = ''] =
      /^([!-~]{1,16}) {0,15}[0-9 ]{32}(\d{1,10}) {0,9}`\n$/.exec(latin1(deb.subarray(at, at + HEAD_SIZE))) ?? [];
    if (name === '') throw refuseInput(`${what} has a member that cannot be read`);
    const bytes = deb.subarray(at + HEAD_SIZE, at + HEAD_SIZE + Number(size));
    if (bytes.length !== Number(size)) throw refuseInput(`${what} is cut short`);
    if (name.startsWith('data.tar')) return { name: name.replace(/\/$/, ''), bytes };
    at += HEAD_SIZE + bytes.length + (bytes.length % 2);
  }
  throw refuseInput(`${what} holds no files`);
}

/**
 * Reads the files of a package.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE for what is no package, or one that is damaged or hostile
 */
export async function readDeb(deb: Uint8Array, what: string): Promise<readonly ArchiveEntry[]> {
  const { name, bytes } = findData(deb, what);
  const form = /^data\.tar(?:\.(gz|xz|zst))?$/.exec(name);
  if (form === null) throw refuseInput(`${what} has its files in a form that is not known (${name})`);
  const compression = form[1] as 'gz' | 'xz' | 'zst' | undefined;
  return untar(compression === undefined ? bytes : await decompress(bytes, compression, what), what);
}
