/**
 * Which compiled files of this package, and which packages of npm, the worker in an image needs: those that its entries import, and what those
 * import in turn. What is not reached is not in the image: no command line, no client's commands, no simulated AMD.
 */
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { encodeUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';

/**
 * What is started by name: the worker in a machine and in a container, and the process of a function with its probe; the last two by the names
 * that `src/enclave/sandbox/own-code.ts` has.
 */
export const WORKER_ENTRIES: Readonly<Record<'image' | 'container' | 'child' | 'probe', string>> = {
  image: 'enclave/image/main.js',
  container: 'enclave/container/main.js',
  child: 'enclave/sandbox/child.js',
  probe: 'enclave/sandbox/probe.js',
};
const ENTRIES = Object.values(WORKER_ENTRIES);

export interface WorkerFiles {
  /** Compiled files by their path below `dist`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Names of the packages that they import, sorted. */
  readonly packages: readonly string[];
}

const IMPORT = /(?:^(?:import|export)\s(?:[^'";]*?\sfrom\s)?|\bimport\(\s*)['"]([^'"]+)['"]/gms;

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * Finds the worker's files below a folder `dist`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when the package has not been compiled
 */
export async function findWorkerFiles(dist: string): Promise<WorkerFiles> {
  const missing = ENTRIES.find((path) => !existsSync(join(dist, path)));
  if (missing !== undefined) {
    const message = `${join(dist, missing)} is not there: compile the worker first, with \`make build\``;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', message);
  }
  const files = new Map<string, Uint8Array>();
  const packages = new Set<string>();
  for (const queue = [...ENTRIES]; queue.length > 0; ) {
    const path = queue.pop() ?? '';
    if (files.has(path)) continue;
    const text = await readTextFile(join(dist, path), LIMITS.configurationBytes);
    files.set(path, encodeUtf8(text));
    for (const [, specifier = ''] of text.matchAll(IMPORT)) {
      if (specifier.startsWith('.')) queue.push(posix.join(posix.dirname(path), specifier));
      else if (!/^(node:|#)/.test(specifier)) packages.add(packageOf(specifier));
    }
  }
  return { files, packages: [...packages].toSorted() };
}

/** Adds to some packages those that they need in turn, sorted. */
export function withDependencies(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
): readonly string[] {
  const reached = new Set<string>();
  for (const queue = [...names]; queue.length > 0; ) {
    const name = queue.pop() ?? '';
    if (reached.has(name)) continue;
    reached.add(name);
    queue.push(...dependenciesOf(name));
  }
  return [...reached].toSorted();
}
