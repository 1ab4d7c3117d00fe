/**
 * Builds an image twice in surroundings that differ in everything that a build must not depend on: folder, time zone, locale, file mode mask,
 * and the folder for temporary files. The builds are processes of their own, because some of this is fixed when one starts.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../io/files.ts';
import { compareImages, type Difference } from './compare.ts';
import type { Manifest } from './manifest.ts';
import { readImage } from './read-image.ts';
import { refuseInput } from './tree.ts';

const run = promisify(execFile);

/** One build: mask for new files, and what its environment says. */
interface Surroundings {
  readonly name: string;
  readonly mask: string;
  readonly zone: string;
  readonly locale: string;
}

const SURROUNDINGS: readonly Surroundings[] = [
  { name: 'first', mask: '022', zone: 'UTC', locale: 'C' },
  { name: 'second-build-elsewhere', mask: '077', zone: 'Pacific/Kiritimati', locale: 'tr_TR.UTF-8' },
];

export interface Verified {
  readonly manifest: Manifest;
  /** Empty when both builds gave the same bits. */
  readonly differences: readonly Difference[];
}

/**
 * Builds twice with this command line, to which the folder is added, and compares.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when a build fails
 */
export async function verifyBuild(command: readonly string[], progress: (line: string) => void): Promise<Verified> {
  const root = await mkdtemp(join(tmpdir(), 'anchorhold-verify-'));
  try {
    const manifests: Manifest[] = [];
    for (const { name, mask, zone, locale } of SURROUNDINGS) {
      progress(`building (${zone}, ${locale}, umask ${mask})`);
      const folder = join(root, name);
      await makeFolder(join(folder, 'temporary'));
      const env = { ...process.env, TZ: zone, LC_ALL: locale, LANG: locale, TMPDIR: join(folder, 'temporary') };
      const line = ['-c', `umask ${mask} && exec "$@"`, 'sh', ...command, join(folder, 'image')];
      await run('sh', line, { env, cwd: folder }).catch((cause: { stderr?: string; message: string }) => {
        throw refuseInput(`the build failed: ${(cause.stderr || cause.message).trim()}`, cause);
      });
      manifests.push(await readImage(join(folder, 'image')));
    }
    const [first, second] = manifests as [Manifest, Manifest];
    return { manifest: first, differences: compareImages(first, second) };
  } finally {
    await rm(root, { recursive: true });
  }
}
