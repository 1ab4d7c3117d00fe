/**
 * `anchorhold run`: starts a WASI program in the sandbox with its arguments and standard streams, and nothing else: no environment,
 * no files, no network. Takes wasi:cli/run components and preview1 modules. The program's exit code is the command's.
 */
import { basename, resolve } from 'node:path';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { DEFAULT_FUNCTION_LIMITS, loadCommand } from '../enclave/sandbox/load.ts';
import { ConfigurationError } from '../errors.ts';
import { readBytesFile } from '../io/files.ts';
import { type CliCommand, type CliIo, optionValue } from './command.ts';
import { readStandardInput } from './standard-input.ts';

const DEFAULT_DEADLINE_SECONDS = 60;
const MAX_DEADLINE_SECONDS = 24 * 60 * 60;

/** A program, its arguments (without its own name) and its streams; it gets all of standard input at once, and its output comes at its end. */
export interface RunOptions extends Pick<CliIo, 'stdin' | 'stdout' | 'stderr'> {
  readonly path: string;
  readonly args: readonly string[];
  readonly deadlineMs: number;
}

/**
 * Runs one program to its end and gives its exit code.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 * @throws FunctionError ERR_FUNCTION_INVALID, _TRAP, _DEADLINE, _UNAVAILABLE or _PROTOCOL
 */
export async function runFunctionFile(options: RunOptions): Promise<number> {
  const bytes = await readBytesFile(options.path, LIMITS.functionBytes);
  const name = basename(options.path);
  const program = await loadCommand({
    bytes,
    // Nobody named a digest here: the person who starts the program chose the file.
    digest: sha256(bytes),
    name,
    limits: DEFAULT_FUNCTION_LIMITS,
    onNotice: () => undefined,
    onLog: (line) => options.stderr.write(`${name}: ${line}\n`),
  });
  try {
    const stdin = await readStandardInput(options.stdin, LIMITS.bodyBytes);
    const exit = await program.run({ args: [name, ...options.args], stdin }, options.deadlineMs);
    options.stdout.write(exit.stdout);
    options.stderr.write(exit.stderr);
    return exit.code;
  } finally {
    await program.close();
  }
}

function readDeadline(text: string | null): number {
  if (text === null) return DEFAULT_DEADLINE_SECONDS * 1000;
  const seconds = Number(text);
  if (!/^\d{1,5}$/.test(text) || seconds < 1 || seconds > MAX_DEADLINE_SECONDS) {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_USAGE',
      `--deadline ${text}: write a number of seconds from 1 to ${MAX_DEADLINE_SECONDS}`,
    );
  }
  return seconds * 1000;
}

export const run: CliCommand = {
  summary: 'run a WASI program in the sandbox, with nothing allowed but its arguments and standard streams',
  example: 'echo hello | anchorhold run upper.wasm',
  arguments: [
    { name: 'file', summary: 'a wasi:cli/run component or a preview1 module', required: true, repeatable: false },
    { name: 'args', summary: "the program's own arguments", required: false, repeatable: true },
  ],
  options: [
    {
      name: 'deadline',
      value: 'SECONDS',
      summary: `when to kill the program (default: ${DEFAULT_DEADLINE_SECONDS})`,
      repeatable: false,
    },
  ],
  passThrough: true,
  run: (input, io) => {
    const [file = '', ...args] = input.positionals;
    const { stdin, stdout, stderr } = io;
    const deadlineMs = readDeadline(optionValue(input, 'deadline'));
    return runFunctionFile({ path: resolve(io.cwd, file), args, stdin, stdout, stderr, deadlineMs });
  },
};
