/**
 * The pinned compiler, assembler, linker and strip, run through the loader and the libraries that came with them, and the pinned bundler, which
 * needs neither: the host's own C library and compiler play no part, and neither do its locale, its time zone or its environment.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError } from '../errors.ts';
import { makeFolder, writeWholeFile } from '../io/files.ts';
import { refuseInput, type Tree } from './tree.ts';

const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const LOADER = `${LIBRARIES}/ld-linux-x86-64.so.2`;
/** For one run; the slowest takes a second. */
const TIMEOUT_MS = 120_000;
/** What a tool may say; compilers repeat themselves. */
const MAX_SAID_BYTES = 1024 * 1024;

/** Where each tool lies in its package. */
const TOOLS = {
  cc1: 'usr/libexec/gcc/x86_64-linux-gnu/14/cc1',
  as: 'usr/bin/x86_64-linux-gnu-as',
  ld: 'usr/bin/x86_64-linux-gnu-ld.bfd',
  strip: 'usr/bin/x86_64-linux-gnu-strip',
  esbuild: 'package/bin/esbuild',
} as const;

/** Tools that are one program and no more, which a loader would refuse. */
const WHOLE: ReadonlySet<keyof typeof TOOLS> = new Set(['esbuild']);

export interface Tools {
  /** A folder for the files of a build; it goes with the tools. */
  readonly folder: string;
  /** Writes files into that folder. */
  add(tree: Tree): Promise<void>;
  /** Gives the path of a file that came with the tools. */
  pathOf(path: string): string;
  /**
   * Runs a tool in that folder.
   * @throws ConfigurationError ERR_CONFIGURATION_IMAGE with what it said, when it refuses its input
   */
  run(tool: keyof typeof TOOLS, ...args: readonly string[]): Promise<void>;
  /** Removes tools and folder. */
  close(): Promise<void>;
}

const execute = promisify(execFile);

/** Writes files as they are in their packages; a tree has directories before what lies in them. */
async function unfold(tree: Tree, folder: string): Promise<void> {
  for (const { kind, path } of tree) if (kind === 'directory') await makeFolder(join(folder, path));
  const files = tree.filter((entry) => entry.kind === 'file');
  await Promise.all(files.map(async ({ path, bytes, mode }) => await writeWholeFile(join(folder, path), bytes, mode)));
}

/**
 * Unpacks tools into a folder of their own.
 * @throws ConfigurationError ERR_CONFIGURATION_PLATFORM where they cannot run
 */
export async function openTools(trees: readonly Tree[]): Promise<Tools> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const message = 'an image can be built on Linux on x86-64 only: its compiler runs nowhere else';
    throw new ConfigurationError('ERR_CONFIGURATION_PLATFORM', message);
  }
  const root = await mkdtemp(join(tmpdir(), 'anchorhold-tools-'));
  const folder = join(root, 'build');
  const pathOf = (path: string): string => join(root, path);
  await makeFolder(folder);
  for (const tree of trees) await unfold(tree, root);
  return {
    folder,
    pathOf,
    add: async (tree) => await unfold(tree, folder),
    async run(tool, ...args) {
      const program = pathOf(TOOLS[tool]);
      const loader = WHOLE.has(tool) ? [] : [pathOf(LOADER), '--inhibit-cache', '--library-path', pathOf(LIBRARIES)];
      const [command = '', ...line] = [...loader, program, ...args];
      const options = {
        cwd: folder,
        env: { LC_ALL: 'C', TZ: 'UTC', SOURCE_DATE_EPOCH: '0' },
        timeout: TIMEOUT_MS,
        maxBuffer: MAX_SAID_BYTES,
      };
      await execute(command, line, options).catch((cause: { stderr?: string; message: string }) => {
        throw refuseInput(`${tool} failed: ${(cause.stderr || cause.message).trim()}`, cause);
      });
    },
    async close() {
      await rm(root, { recursive: true });
    },
  };
}
