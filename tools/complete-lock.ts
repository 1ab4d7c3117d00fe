/**
 * Completes package-lock.json where the registry at hand did not offer a package that exists only for other platforms: `npm ci` refuses
 * a lock that leaves one out. The added entries name version and platform, but no digest, so they are of no use where Linux on glibc
 * does not run; test/repo/rules.test.ts holds that nothing else goes without one. Run it after `npm install --package-lock-only`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const PATH = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(PATH, 'utf8')) as { packages: Record<string, Entry & Record<string, unknown>> };

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const CPUS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64', 'wasm32'];

/** Reads the platform out of a package's name, as all of these packages write it. */
function platformOf(name: string): Record<string, unknown> {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = CPUS.filter((c) => words.includes(c));
  const musl = words.some((word) => word.startsWith('musl'));
  return { ...(cpu.length > 0 ? { cpu } : {}), ...(musl ? { libc: ['musl'] } : {}), ...(os.length > 0 ? { os } : {}) };
}

/** Tells whether this version of a package is locked where `from` would look for it. */
function isLocked(from: string, name: string, version: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const entry = lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`];
    if (entry !== undefined) return entry.version === version;
    if (at === '') return false;
    if (!at.includes('/node_modules/')) at = '';
  }
}

let added = 0;
for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    // Platform packages are asked for by exact version; a range is something else, and was resolved.
    if (!/^\d/.test(version) || isLocked(path, name, version)) continue;
    const top = `node_modules/${name}`;
    lock.packages[lock.packages[top] === undefined ? top : `${path}/${top}`] = {
      version,
      ...platformOf(name),
      ...(dev === true ? { dev } : {}),
      optional: true,
    };
    added += 1;
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(PATH, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
console.log(`complete-lock: added ${added} entries`);
