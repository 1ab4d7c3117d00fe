/**
 * The index of a suite of Debian: which packages there are, with version, path and SHA-256. The index is compared with the suite's Release
 * file, and that with Debian's signature where this machine can. [Debian RepositoryFormat 2026-11]
 */
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseUtf8 } from '../base/bytes.ts';
import { ConfigurationError } from '../errors.ts';
import { writeWholeFile } from '../io/files.ts';
import { compareVersions } from './debian-version.ts';
import { decompress } from './decompress.ts';
import type { Mirror } from './mirror.ts';
import { refuseInput } from './tree.ts';

export interface IndexedPackage {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
}

/** How a Release file was checked: `unchecked` where this machine has no gpgv, or no keys of Debian. */
export type Signature = 'verified' | 'unchecked';

export interface SuiteIndex {
  readonly signature: Signature;
  /** Gives the newest version of the packages whose names fit; null when there is none. */
  newest(fits: (name: string) => boolean): IndexedPackage | null;
}

const INDEX = 'main/binary-amd64/Packages.xz';

/** Where Debian's package debian-archive-keyring puts the keys that suites are signed with. */
export const DEBIAN_KEYRING: string = '/usr/share/keyrings/debian-archive-keyring.gpg';

const run = promisify(execFile);

/** Has gpgv compare a signed Release file with the keys of a keyring. */
async function checkSignature(release: Uint8Array, keyring: string, what: string): Promise<Signature> {
  if (!existsSync(keyring)) return 'unchecked';
  const folder = await mkdtemp(join(tmpdir(), 'anchorhold-release-'));
  try {
    const path = join(folder, 'InRelease');
    await writeWholeFile(path, release);
    // A suite is signed with several keys, of which an older machine may not know all.
    const status = await run('gpgv', ['--status-fd', '1', '--keyring', keyring, path]).then(
      ({ stdout }) => stdout,
      (cause: { code?: unknown; stdout?: string }) => (cause.code === 'ENOENT' ? null : (cause.stdout ?? '')),
    );
    if (status === null) return 'unchecked';
    if (!status.includes('[GNUPG:] VALIDSIG ') || status.includes('[GNUPG:] BADSIG ')) {
      throw refuseInput(`${what} is not signed by Debian`);
    }
    return 'verified';
  } finally {
    await rm(folder, { recursive: true });
  }
}

function textOf(bytes: Uint8Array, what: string): string {
  const text = parseUtf8(bytes);
  if (text === null) throw refuseInput(`${what} is not UTF-8 text`);
  return text;
}

async function fetchListed(mirror: Mirror, suite: string, path: string): Promise<Uint8Array> {
  const bytes = await mirror.fetch(suite, `dists/${suite}/${path}`);
  if (bytes !== null) return bytes;
  throw new ConfigurationError('ERR_CONFIGURATION_PACKAGE_GONE', `the mirror has no ${path} of ${suite}`);
}

function parsePackages(text: string): readonly IndexedPackage[] {
  return text.split('\n\n').flatMap((stanza) => {
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.+)$`, 'm').exec(stanza)?.[1];
    const [name, version, file, sha256] = [field('Package'), field('Version'), field('Filename'), field('SHA256')];
    return name && version && file && sha256 ? [{ name, version, file, sha256 }] : [];
  });
}

/**
 * Fetches the index of a suite, whose Release file is compared with the keys in `keyring`, if that file is there.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when the files do not fit each other or the signature is wrong; TransportError
 */
export async function fetchSuiteIndex(mirror: Mirror, suite: string, keyring: string): Promise<SuiteIndex> {
  const release = await fetchListed(mirror, suite, 'InRelease');
  const signature = await checkSignature(release, keyring, `the Release file of ${suite}`);
  const line = new RegExp(`^ ([0-9a-f]{64}) +\\d+ ${INDEX.replaceAll('.', '\\.')}$`, 'm');
  const expected = line.exec(textOf(release, `the Release file of ${suite}`))?.[1];
  const packed = await fetchListed(mirror, suite, INDEX);
  if (hash('sha256', packed, 'hex') !== expected) {
    throw refuseInput(
      `the index of ${suite} is not the one that its Release file names; the mirror may be in the middle of an update`,
    );
  }
  const packages = parsePackages(textOf(await decompress(packed, 'xz', `the index of ${suite}`), suite));
  return {
    signature,
    newest: (fits) =>
      packages.filter(({ name }) => fits(name)).toSorted((a, b) => compareVersions(b.version, a.version))[0] ?? null,
  };
}
