/** wasi:cli: arguments, variables and standard streams of one call; no directory to be in, no terminal. [WASI 0.2.12 wasi:cli] */
import { WholeBytes } from '../body.ts';
import { ExitRequest, type GuestCall } from './call.ts';
import { InputStream, OutputStream } from './io.ts';
import { makeEmptyResource, type Result } from './result.ts';

const TerminalInput = makeEmptyResource();
const TerminalOutput = makeEmptyResource();

function exit(call: GuestCall, exitCode: number): never {
  call.exited(exitCode);
  throw new ExitRequest(exitCode);
}

/** The interfaces of wasi:cli. */
export const CLI: Readonly<Record<string, unknown>> = {
  'wasi:cli/environment': {
    getEnvironment: (call: GuestCall) => call.env,
    getArguments: (call: GuestCall) => call.args,
    initialCwd: () => undefined,
  },
  'wasi:cli/exit': {
    exit: (call: GuestCall, status: Result<unknown, unknown>) => exit(call, status.tag === 'ok' ? 0 : 1),
    exitWithCode: exit,
  },
  'wasi:cli/stdin': { getStdin: (call: GuestCall) => new InputStream(new WholeBytes(call.stdin)) },
  'wasi:cli/stdout': { getStdout: (call: GuestCall) => new OutputStream(call.stdout) },
  'wasi:cli/stderr': { getStderr: (call: GuestCall) => new OutputStream(call.stderr) },
  'wasi:cli/terminal-input': { TerminalInput },
  'wasi:cli/terminal-output': { TerminalOutput },
  'wasi:cli/terminal-stdin': { getTerminalStdin: () => undefined },
  'wasi:cli/terminal-stdout': { getTerminalStdout: () => undefined },
  'wasi:cli/terminal-stderr': { getTerminalStderr: () => undefined },
};
