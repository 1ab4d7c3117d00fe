/**
 * Compiles the programs that only an image has, from the C sources in `images/init`, into static executables against musl. Each file that
 * defines `main` is a program; the other files are linked to each, and what a program does not call is left out of it.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile, writeWholeFile } from '../io/files.ts';
import type { Tools } from './tools.ts';
import { refuseInput } from './tree.ts';

const MUSL = 'usr/lib/x86_64-linux-musl';
const HEADERS = ['usr/include/x86_64-linux-musl', 'usr/include', 'usr/include/x86_64-linux-gnu'];

/** Position-independent, so that the kernel may load PID 1 anywhere; each warning is an error, since nobody reads them. */
const COMPILER_FLAGS =
  '-quiet -nostdinc -std=gnu17 -O2 -fpie -fstack-protector-strong -ffunction-sections -fdata-sections -Wall -Wextra -Werror'.split(
    ' ',
  );
const LINKER_FLAGS =
  '-static -pie --no-dynamic-linker -z text -z relro -z now -z noexecstack --gc-sections --build-id=none --strip-all'.split(
    ' ',
  );

/** A C source: its name without a folder, and its contents. */
export interface Source {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Reads the C sources of a folder, sorted by name. */
export async function readSources(folder: string): Promise<readonly Source[]> {
  const names = (await readdir(folder)).filter((name) => /^[a-z][a-z0-9_-]*\.[ch]$/.test(name)).toSorted();
  return await Promise.all(
    names.map(async (name) => ({ name, bytes: await readBytesFile(join(folder, name), LIMITS.configurationBytes) })),
  );
}

function definesMain({ bytes }: Source): boolean {
  return /^int main\(/m.test(parseUtf8(bytes) ?? '');
}

function objectOf({ name }: Source): string {
  return name.replace(/c$/, 'o');
}

/**
 * Compiles every program; the key is its name, the value the executable.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE with what the compiler says
 */
export async function compilePrograms(
  sources: readonly Source[],
  debug: boolean,
  tools: Tools,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { folder } = tools;
  const flags = [...HEADERS.flatMap((path) => ['-isystem', tools.pathOf(path)]), ...(debug ? ['-DDEBUG'] : [])];
  const units = sources.filter(({ name }) => name.endsWith('.c'));
  if (units.length === 0) throw refuseInput('there are no C sources to compile');
  for (const { name, bytes } of sources) await writeWholeFile(join(folder, name), bytes);
  await Promise.all(
    units.map(async (unit) => {
      const assembly = unit.name.replace(/c$/, 's');
      await tools.run('cc1', ...COMPILER_FLAGS, ...flags, unit.name, '-o', assembly);
      await tools.run('as', '--64', assembly, '-o', objectOf(unit));
    }),
  );
  const shared = units.filter((unit) => !definesMain(unit)).map(objectOf);
  const [start, first, last, library] = ['rcrt1.o', 'crti.o', 'crtn.o', 'libc.a'].map((name) =>
    tools.pathOf(`${MUSL}/${name}`),
  );
  const programs = new Map<string, Uint8Array>();
  for (const unit of units.filter(definesMain)) {
    const name = unit.name.replace(/\.c$/, '');
    await tools.run(
      'ld',
      ...LINKER_FLAGS,
      `${start}`,
      `${first}`,
      objectOf(unit),
      ...shared,
      `${library}`,
      `${last}`,
      '-o',
      name,
    );
    programs.set(name, await readBytesFile(join(folder, name), LIMITS.unpackedBytes));
  }
  return programs;
}
