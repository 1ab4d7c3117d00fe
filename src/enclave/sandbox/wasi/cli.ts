/** wasi:cli: arguments and standard streams of one call; an empty environment, no directory, no terminal. [WASI 0.2.12 wasi:cli] */
import { InputStream, type OutputBuffer, OutputStream } from './io.ts';
import { makeEmptyResource, type Result } from './result.ts';

const TerminalInput = makeEmptyResource();
const TerminalOutput = makeEmptyResource();

/** Unwinds a guest that asked to end; whoever started it takes the code from here. */
export class ExitRequest extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** What one call gives its guest, and what it does when the guest asks to end. */
export interface CliCall {
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  readonly stdout: OutputBuffer;
  readonly stderr: OutputBuffer;
  /** Is told the code before the guest is unwound, because the unwinding itself runs through glue. */
  readonly exited: (exitCode: number) => void;
}

/** Makes the interfaces of wasi:cli for one call. */
export function openCli(call: CliCall): Readonly<Record<string, unknown>> {
  const exit = (exitCode: number): never => {
    call.exited(exitCode);
    throw new ExitRequest(exitCode);
  };
  const source = { rest: call.stdin };
  return {
    'wasi:cli/environment': {
      getEnvironment: () => [],
      getArguments: () => [...call.args],
      initialCwd: () => undefined,
    },
    'wasi:cli/exit': {
      exit: (status: Result<unknown, unknown>) => exit(status.tag === 'ok' ? 0 : 1),
      exitWithCode: (exitCode: number) => exit(exitCode),
    },
    'wasi:cli/stdin': { getStdin: () => new InputStream(source) },
    'wasi:cli/stdout': { getStdout: () => new OutputStream(call.stdout) },
    'wasi:cli/stderr': { getStderr: () => new OutputStream(call.stderr) },
    'wasi:cli/terminal-input': { TerminalInput },
    'wasi:cli/terminal-output': { TerminalOutput },
    'wasi:cli/terminal-stdin': { getTerminalStdin: () => undefined },
    'wasi:cli/terminal-stdout': { getTerminalStdout: () => undefined },
    'wasi:cli/terminal-stderr': { getTerminalStderr: () => undefined },
  };
}
