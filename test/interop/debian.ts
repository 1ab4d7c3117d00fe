/**
 * Brings other people's verifiers from Debian's unstable suite into a folder of our own: google/go-sev-guest, Go to build it, and AMD's
 * certificates as virtee's sev ships them. Nothing is installed on the machine, and apt checks the archive's signatures as always.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SUITE = 'sid';
/** With what they depend on. */
const PACKAGES = ['golang-go', 'golang-github-google-go-sev-guest-dev'];
/** Without what it depends on: it is read for its data. */
const DATA_PACKAGE = 'librust-sev-dev';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const STAMP = 'packages.json';

/** The packages as they lie on disk. */
export interface DebianPackages {
  /** Unpacked: has usr/ in it. */
  readonly root: string;
  /** `name version` of each package. */
  readonly versions: readonly string[];
  /** Bytes that this run downloaded: lists and packages. */
  readonly downloaded: number;
}

/** Says by name why the packages cannot be had. */
export class UnavailableError extends Error {}

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw new UnavailableError(`${command} cannot be run: ${error.message}`);
  if (status === 0) return stdout;
  const why = `${stdout}${stderr}`.split('\n').filter((line) => /^(?:E:|W:|Err:|dpkg)/.test(line));
  throw new UnavailableError(`${command} ${args.join(' ')} failed:\n  ${why.join('\n  ') || stderr}`);
}

/** Finds the machine's own Debian mirror, or takes the one that DEBIAN_MIRROR names. */
function findMirror(folder: string): string {
  const named = process.env['DEBIAN_MIRROR'];
  if (named !== undefined && named !== '') return named;
  const targets = run('apt-get', ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages'], folder);
  const mirror = targets.split('\n').find((line) => line.startsWith('Debian '));
  if (mirror !== undefined) return mirror.slice('Debian '.length);
  throw new UnavailableError(
    'apt on this machine has no Debian mirror (try apt-get update): name one as DEBIAN_MIRROR',
  );
}

/** An apt that knows of no source but this one, and of no package that is installed. */
function configureApt(folder: string, mirror: string): string {
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'root']) {
    mkdirSync(join(folder, part), { recursive: true });
  }
  const source = join(folder, 'suite.sources');
  writeFileSync(source, `Types: deb\nURIs: ${mirror}\nSuites: ${SUITE}\nComponents: main\nSigned-By: ${KEYRING}\n`);
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::Etc::sourcelist': source,
    'Dir::Etc::sourceparts': '-',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Install-Recommends': 'false',
    'Acquire::Languages': 'none',
    // The folder may be closed to the user that apt would become.
    'APT::Sandbox::User': 'root',
  };
  const path = join(folder, 'apt.conf');
  writeFileSync(
    path,
    Object.entries(settings)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  );
  return path;
}

function downloadedBytes(output: string): number {
  const [, amount = '0', unit = ''] = /^Fetched ([\d.,]+) (k|M|G)?B/m.exec(output) ?? [];
  return Number(amount.replaceAll(',', '')) * ({ k: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1);
}

function download(folder: string): DebianPackages {
  if (!existsSync(KEYRING)) throw new UnavailableError(`${KEYRING} is missing: install debian-archive-keyring`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const env = { APT_CONFIG: configureApt(folder, findMirror(folder)) };
  const archives = join(folder, 'cache/archives');
  const outputs = [
    run('apt-get', ['update', '--error-on=any'], folder, env),
    run('apt-get', ['install', '--yes', '--download-only', ...PACKAGES], folder, env),
    run('apt-get', ['download', DATA_PACKAGE], archives, env),
  ];
  const debs = readdirSync(archives).filter((name) => name.endsWith('.deb'));
  const root = join(folder, 'root');
  for (const deb of debs) run('dpkg', ['-x', join(archives, deb), root], folder);
  rmSync(join(folder, 'cache'), { recursive: true });
  rmSync(join(folder, 'state'), { recursive: true });
  const versions = debs.map((deb) => decodeURIComponent(deb.split('_').slice(0, 2).join(' '))).sort();
  const downloaded = outputs.reduce((sum, output) => sum + downloadedBytes(output), 0);
  writeFileSync(join(folder, STAMP), JSON.stringify(versions));
  return { root, versions, downloaded };
}

/**
 * Gives the packages in `folder`, from the network when they are not there yet.
 * @throws UnavailableError
 */
export function obtainPackages(folder: string): DebianPackages {
  const stamp = join(folder, STAMP);
  if (!existsSync(stamp)) return download(folder);
  return {
    root: join(folder, 'root'),
    versions: JSON.parse(readFileSync(stamp, 'utf8')) as string[],
    downloaded: 0,
  };
}
