/** Fetches packages of npm with the machine's own npm, from the registry that it is set up for. Does not believe it: the lock's integrity decides. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError, TransportError } from '../errors.ts';
import { readBytesFile } from '../io/files.ts';

const run = promisify(execFile);

/**
 * Fetches one package as it lies in the registry; null when the registry has no such version.
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ConfigurationError ERR_CONFIGURATION_PLATFORM when there is no npm
 */
export async function fetchFromNpm(name: string, version: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const folder = await mkdtemp(join(tmpdir(), 'anchorhold-npm-'));
  try {
    await run(
      'npm',
      ['pack', `${name}@${version}`, '--loglevel=error', '--ignore-scripts', '--pack-destination', folder],
      {
        cwd: folder,
      },
    );
    const file = (await readdir(folder)).find((entry) => entry.endsWith('.tgz'));
    return file === undefined ? null : await readBytesFile(join(folder, file), LIMITS.packageBytes);
  } catch (cause) {
    const { code, stdout = '', stderr = '' } = cause as { code?: unknown; stdout?: string; stderr?: string };
    if (code === 'ENOENT') {
      throw new ConfigurationError('ERR_CONFIGURATION_PLATFORM', 'npm is not on this machine', { cause });
    }
    if (/\b(E404|ETARGET)\b/.test(`${stdout}${stderr}`)) return null;
    const said = stderr.trim() || (cause instanceof Error ? cause.message : String(cause));
    const why = said.split('\n').slice(0, 3).join('; ').replaceAll('npm error ', '');
    const message = `npm could not fetch ${name}@${version} (${why})`;
    throw new TransportError('ERR_TRANSPORT_UNREACHABLE', message, { cause });
  } finally {
    await rm(folder, { recursive: true });
  }
}
