/** wasi:cli of WASI 0.3: arguments and standard streams of one call; no terminal. [WASI 0.3.0 wasi:cli] */

import { WholeBytes } from '../../body.ts';
import { GivenFuture, type StreamReader } from '../../component/async/host-end.ts';
import type { GuestCall } from '../call.ts';
import { CLI } from '../cli.ts';
import { DONE, err, makeEmptyResource } from '../result.ts';
import { giveBytes, takeBytes } from './byte-pumps.ts';

const TerminalInput = makeEmptyResource();
const TerminalOutput = makeEmptyResource();

/** Writes a guest's stream to one of its outputs; the future says how that went. */
function writeTo(which: 'stdout' | 'stderr'): (call: GuestCall, data: StreamReader) => GivenFuture {
  return (call, data) => new GivenFuture(takeBytes(data, call[which]).then((whole) => (whole ? DONE : err('io'))));
}

function readStdin(call: GuestCall): readonly unknown[] {
  const { stream, end } = giveBytes(new WholeBytes(call.stdin));
  return [stream, new GivenFuture(end.then((how) => (how === 'failed' ? err('io') : DONE)))];
}

const { getEnvironment, getArguments, initialCwd } = CLI['wasi:cli/environment'] as Readonly<Record<string, unknown>>;

/** The interfaces of wasi:cli. */
export const CLI_3: Readonly<Record<string, unknown>> = {
  'wasi:cli/environment@0.3': { getEnvironment, getArguments, getInitialCwd: initialCwd },
  'wasi:cli/exit@0.3': CLI['wasi:cli/exit'],
  'wasi:cli/types@0.3': {},
  'wasi:cli/stdin@0.3': { readViaStream: readStdin },
  'wasi:cli/stdout@0.3': { writeViaStream: writeTo('stdout') },
  'wasi:cli/stderr@0.3': { writeViaStream: writeTo('stderr') },
  'wasi:cli/terminal-input@0.3': { TerminalInput },
  'wasi:cli/terminal-output@0.3': { TerminalOutput },
  'wasi:cli/terminal-stdin@0.3': { getTerminalStdin: () => undefined },
  'wasi:cli/terminal-stdout@0.3': { getTerminalStdout: () => undefined },
  'wasi:cli/terminal-stderr@0.3': { getTerminalStderr: () => undefined },
};
