/** Compiles programs out of the image's C sources with this machine's compiler, as the image does with a pinned one; says when there is none. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where the sources are. */
export const SOURCES: string = resolve(import.meta.dirname, '../../../images/init');

/** The flags and programs of the image. */
export const PROGRAMS = JSON.parse(readFileSync(join(SOURCES, 'programs.json'), 'utf8')) as {
  readonly flags: readonly string[];
  readonly programs: Readonly<Record<string, readonly string[]>>;
};

/** Every check of memory and arithmetic that the compiler can add. */
export const SANITIZED: readonly string[] = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

export const HAS_COMPILER: boolean =
  process.platform === 'linux' && process.arch === 'x64' && spawnSync('cc', ['--version']).status === 0;

export interface Workshop {
  /** Compiles sources (of the image by name, others by path) with these flags more, and gives the program's path; throws what the compiler says. */
  compile(name: string, sources: readonly string[], flags: readonly string[]): string;
  remove(): void;
}

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-init-'));
  return {
    compile(name, sources, flags) {
      const out = join(folder, name);
      const common = PROGRAMS.flags.filter((flag) => flag !== '-static');
      const paths = sources.map((source) => resolve(SOURCES, source));
      const { status, stderr } = spawnSync('cc', [...common, ...flags, '-I', SOURCES, ...paths, '-o', out], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      return out;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
