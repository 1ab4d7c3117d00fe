/**
 * Compiles the programs that only an image has, from the C sources in `images/init`, into static executables against musl. Which sources a
 * program has, and with which flags they are compiled, stands in `programs.json` beside them.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile, writeWholeFile } from '../io/files.ts';
import type { Tools } from './tools.ts';
import { isTreePath, refuseInput } from './tree.ts';

/** A file of the folder: its name, and its contents. */
export interface Source {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Programs {
  readonly flags: readonly string[];
  /** Names of the sources by the path of the program in the image. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
}

const PROGRAMS = 'programs.json';
const MUSL = 'usr/lib/x86_64-linux-musl';
const HEADERS = ['usr/include/x86_64-linux-musl', 'usr/include', 'usr/include/x86_64-linux-gnu'];

/** Position-independent, so that the kernel may load PID 1 anywhere. */
const COMPILER_FLAGS =
  '-quiet -nostdinc -fpie -fstack-protector-strong -ffunction-sections -fdata-sections -frandom-seed=0'.split(' ');
const LINKER_FLAGS =
  '-static -pie --no-dynamic-linker -z text -z relro -z now -z noexecstack --gc-sections --build-id=none --strip-all'.split(
    ' ',
  );

/** Reads the sources of a folder, headers and list of programs too, sorted by name. */
export async function readSources(folder: string): Promise<readonly Source[]> {
  const names = (await readdir(folder)).filter((name) => name === PROGRAMS || /^[a-z][a-z0-9_-]*\.[ch]$/.test(name));
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const bytes = await readBytesFile(join(folder, name), LIMITS.configurationBytes);
      return { name, bytes };
    }),
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/** Reads the list of programs; each source of a program must be there. */
function parsePrograms(sources: readonly Source[]): Programs {
  const names = new Set(sources.map(({ name }) => name));
  const text = parseUtf8(sources.find(({ name }) => name === PROGRAMS)?.bytes ?? new Uint8Array()) ?? '';
  try {
    const { flags, programs } = JSON.parse(text) as Partial<Record<keyof Programs, unknown>>;
    const lists = Object.entries(programs as object) as [string, unknown][];
    const fits = lists.every(
      ([path, list]) =>
        isTreePath(path) && isTexts(list) && list.every((name) => name.endsWith('.c') && names.has(name)),
    );
    if (fits && isTexts(flags)) return { flags, programs: programs as Programs['programs'] };
  } catch (cause) {
    throw refuseInput(`${PROGRAMS} is missing, or not JSON with flags and programs`, cause);
  }
  throw refuseInput(`${PROGRAMS} names a program or a source that cannot be compiled`);
}

function withEnd(source: string, end: 's' | 'o'): string {
  return source.replace(/c$/, end);
}

/**
 * Compiles every program; the key is its path in the image, the value the executable.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE with what the compiler says
 */
export async function compilePrograms(
  sources: readonly Source[],
  debug: boolean,
  tools: Tools,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { flags, programs } = parsePrograms(sources);
  const compiler = [
    ...flags.filter((flag) => flag !== '-static'),
    ...COMPILER_FLAGS,
    ...HEADERS.flatMap((path) => ['-isystem', tools.pathOf(path)]),
    ...(debug ? ['-DDEBUG'] : []),
  ];
  for (const { name, bytes } of sources) await writeWholeFile(join(tools.folder, name), bytes);
  await Promise.all(
    [...new Set(Object.values(programs).flat())].map(async (source) => {
      await tools.run('cc1', ...compiler, source, '-o', withEnd(source, 's'));
      await tools.run('as', '--64', withEnd(source, 's'), '-o', withEnd(source, 'o'));
    }),
  );
  const musl = (name: string): string => tools.pathOf(`${MUSL}/${name}`);
  const built = new Map<string, Uint8Array>();
  for (const [path, list] of Object.entries(programs)) {
    const objects = list.map((source) => withEnd(source, 'o'));
    const parts = [musl('rcrt1.o'), musl('crti.o'), ...objects, musl('libc.a'), musl('crtn.o')];
    await tools.run('ld', ...LINKER_FLAGS, ...parts, '-o', 'program');
    built.set(path, await readBytesFile(join(tools.folder, 'program'), LIMITS.unpackedBytes));
  }
  return built;
}
