/**
 * The module and the probe that only tests put into a machine: built once out of pinned packages and kept, under the digest of everything that they
 * are made of. Tests only look whether they are there; `make test-boot` builds them.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { compilePrograms, readSources } from '../../src/image/compile.ts';
import { type InputSource, loadPackage } from '../../src/image/inputs.ts';
import { kernelPackage } from '../../src/image/kernel.ts';
import { type ImageLock, parseImageLock } from '../../src/image/lock.ts';
import { openTools } from '../../src/image/tools.ts';
import { buildModule } from './module/build.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LOCKS = ['images/image.lock.json', 'test/boot/boot.lock.json'];
const SOURCES = ['test/boot/module/serial_tsm.c', 'test/boot/module/build.ts', 'test/boot/probe/probe.c'];

/** Kernel module and probe, as bytes. */
export interface TestPrograms {
  readonly module: Uint8Array;
  readonly probe: Uint8Array;
}

function folderOfPrograms(): string {
  const digest = createHash('sha256');
  for (const path of [...LOCKS, ...SOURCES]) digest.update(readFileSync(join(ROOT, path)));
  return join(ROOT, '.anchorhold/boot-test', digest.digest('hex').slice(0, 16));
}

function pathsIn(folder: string): Readonly<Record<keyof TestPrograms, string>> {
  return { module: join(folder, 'serial_tsm.ko'), probe: join(folder, 'probe') };
}

/** Reads what was built from the present sources; null when nothing was. */
export function readTestPrograms(): TestPrograms | null {
  const { module, probe } = pathsIn(folderOfPrograms());
  return existsSync(module) && existsSync(probe) ? { module: readFileSync(module), probe: readFileSync(probe) } : null;
}

function readLock(path: string): ImageLock {
  return parseImageLock(readFileSync(join(ROOT, path), 'utf8'));
}

/** Builds both and keeps them; @throws ConfigurationError, TransportError when packages cannot be had */
export async function buildTestPrograms(source: InputSource): Promise<void> {
  const [image, boot] = LOCKS.map(readLock);
  if (image === undefined || boot === undefined) throw new RangeError('there are two locks');
  const packages = [...image.packages.filter(({ group }) => group === 'tools' || group === 'image'), ...boot.packages];
  const tools = await openTools(await Promise.all(packages.map((input) => loadPackage(input, source))));
  try {
    const release = kernelPackage(image).name.replace('linux-image-', '');
    const module = buildModule(tools.pathOf(''), release, tools.folder);
    const programs = await compilePrograms(await readSources(join(ROOT, 'test/boot/probe')), false, tools);
    const { module: modulePath, probe: probePath } = pathsIn(folderOfPrograms());
    await mkdir(dirname(modulePath), { recursive: true });
    await writeFile(probePath, programs.get('probe') ?? new Uint8Array());
    await writeFile(modulePath, module);
  } finally {
    await tools.close();
  }
}
