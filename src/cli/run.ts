/**
 * `anchorhold run`: starts a WASI program in the sandbox with its arguments, standard streams, and what the options give it: copies of directories,
 * environment variables, URLs that it may reach. It has no other network. Takes wasi:cli/run components and preview1 modules. The program's exit code is the command's.
 */
import { basename, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { checkFunctionFiles, readFunctionFiles } from '../enclave/function-files.ts';
import type { CommandRequest } from '../enclave/sandbox/command-messages.ts';
import type { WasiRelease } from '../enclave/sandbox/grants.ts';
import { DEFAULT_FUNCTION_LIMITS, loadCommand } from '../enclave/sandbox/load.ts';
import { NO_GROUPS } from '../enclave/sandbox/resource-groups.ts';
import { ConfigurationError } from '../errors.ts';
import { DISK } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type CliCommand, type CliIo, optionValue, optionValues } from './command.ts';
import { type DirectoryTree, readDirectoryTree } from './directory-tree.ts';
import { openRunEgress } from './run-egress.ts';
import { type GivenDirectory, readDeadline, readDirectoryOption, readVariable } from './run-options.ts';
import { readStandardInput } from './standard-input.ts';
import { writeBack } from './write-back.ts';

/** A person waits for a busy machine longer than callers of a worker should. */
const START_DEADLINE_MS = 60_000;
/** A process can end with no more than this; a higher code of a program must not become 0. */
const MAX_EXIT_CODE = 255;

/** A program, its arguments (without its own name) and its streams; it gets all of standard input at once, and its output comes at its end. */
export interface RunOptions extends Pick<CliIo, 'stdin' | 'stdout' | 'stderr'>, Pick<CommandRequest, 'args' | 'env'> {
  readonly path: string;
  readonly directories: readonly GivenDirectory[];
  readonly deadlineMs: number;
  /** What the program may reach, as a policy writes it; none allows nothing. */
  readonly allow: readonly string[];
  /** Releases of WASI that the program may be made for. */
  readonly wasi: readonly WasiRelease[];
}

interface OpenDirectory extends GivenDirectory {
  readonly tree: DirectoryTree;
}

async function openDirectories(options: RunOptions): Promise<readonly OpenDirectory[]> {
  const budget = { bytes: LIMITS.treeBytes, entries: LIMITS.treeEntries };
  const opened: OpenDirectory[] = [];
  for (const directory of options.directories) {
    const tree = await readDirectoryTree(directory.host, budget);
    for (const line of tree.leftOut) options.stderr.write(`${directory.host}: left out ${line}\n`);
    opened.push({ ...directory, tree });
  }
  return opened;
}

/** Writes back what a program changed; @throws ConfigurationError ERR_CONFIGURATION_FILE when not all of it could be written */
async function closeDirectories(
  { stderr }: RunOptions,
  opened: readonly OpenDirectory[],
  changes: Awaited<ReturnType<typeof startProgram>>['changes'],
): Promise<void> {
  const failed: string[] = [];
  for (const [i, { host, tree, writable }] of opened.entries()) {
    const left = await writeBack(tree.root, writable ? (changes[i] ?? []) : []);
    for (const line of left.leftOut) stderr.write(`${host}: not written back: ${line}\n`);
    failed.push(...left.failed.map((line) => `${host}: ${line}`));
  }
  if (failed.length > 0)
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `not written back: ${failed.join('; ')}`);
}

async function startProgram(options: RunOptions, opened: readonly OpenDirectory[]) {
  const name = basename(options.path);
  const files = await readFunctionFiles(options.path, name, DISK);
  // Nobody named a digest here: the person who starts the program chose the file.
  const digest = nativeSha256(files.bytes);
  const egress = openRunEgress(options.allow, digest);
  const program = await loadCommand({
    ...checkFunctionFiles(files, digest, name),
    name,
    limits: { ...DEFAULT_FUNCTION_LIMITS, startDeadlineMs: START_DEADLINE_MS, wasi: options.wasi },
    groups: NO_GROUPS,
    env: [],
    onNotice: () => undefined,
    onLog: (line) => options.stderr.write(`${name}: ${line}\n`),
  });
  try {
    const stdin = await readStandardInput(options.stdin, LIMITS.bodyBytes);
    const mounts = opened.map(({ guest, writable, tree }) => ({ path: guest, writable, items: tree.items }));
    const request = { args: [name, ...options.args], env: options.env, stdin, mounts };
    return await program.run(request, options.deadlineMs, egress);
  } finally {
    await program.close();
  }
}

/**
 * Runs one program to its end and gives its exit code.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 * @throws FunctionError ERR_FUNCTION_INVALID, _TRAP, _DEADLINE, _UNAVAILABLE or _PROTOCOL
 */
export async function runFunctionFile(options: RunOptions): Promise<number> {
  const opened = await openDirectories(options);
  const exit = await startProgram(options, opened);
  options.stdout.write(exit.stdout);
  options.stderr.write(exit.stderr);
  await closeDirectories(options, opened, exit.changes);
  return Math.min(exit.code, MAX_EXIT_CODE);
}

export const run: CliCommand = {
  summary: 'run a WASI program in the sandbox, with nothing allowed but what is given here',
  example: 'echo hello | anchorhold run upper.wasm',
  arguments: [
    { name: 'file', summary: 'a wasi:cli/run component or a preview1 module', required: true, repeatable: false },
    { name: 'args', summary: "the program's own arguments", required: false, repeatable: true },
  ],
  options: [
    {
      name: 'dir',
      value: 'HOST::GUEST[:ro]',
      summary: 'give a copy of a directory; what changes is written back at the end, unless :ro',
      repeatable: true,
    },
    {
      name: 'allow',
      value: 'URL',
      summary: 'let it send HTTP requests there, such as https://api.example.com/v1/*',
      repeatable: true,
    },
    { name: 'wasi-0.3', value: null, summary: 'run a program made for WASI 0.3, too', repeatable: false },
    { name: 'env', value: 'NAME=VALUE', summary: 'give an environment variable', repeatable: true },
    {
      name: 'deadline',
      value: 'DURATION',
      summary: 'when to kill the program, such as 500ms, 5s or 2m (default: 1m)',
      repeatable: false,
    },
  ],
  passThrough: true,
  run: (input, io) => {
    const [file = '', ...args] = input.positionals;
    const { stdin, stdout, stderr } = io;
    const deadlineMs = readDeadline(optionValue(input, 'deadline'));
    const env = optionValues(input, 'env').map((text) => readVariable(text));
    const directories = optionValues(input, 'dir').map((text) => readDirectoryOption(text, io.cwd));
    const path = resolve(io.cwd, file);
    const allow = optionValues(input, 'allow');
    const wasi: readonly WasiRelease[] = input.switches.has('wasi-0.3') ? ['0.2', '0.3'] : ['0.2'];
    return runFunctionFile({ path, args, env, directories, allow, wasi, stdin, stdout, stderr, deadlineMs });
  },
};
