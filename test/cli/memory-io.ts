/** Streams of a command kept in memory: what is fed to stdin, and what was written to stdout and stderr. */
import type { CliIo } from '../../src/cli/command.ts';

export interface MemoryIo extends CliIo {
  out(): string;
  err(): string;
}

/** Makes the streams of one command call. */
export function memoryIo(options: { stdin?: string | Uint8Array; isTty?: boolean; cwd?: string } = {}): MemoryIo {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const writer = (to: Uint8Array[]) => ({
    write: (chunk: string | Uint8Array) => to.push(Buffer.from(chunk as Uint8Array)),
  });
  const feed = Buffer.from((options.stdin ?? '') as Uint8Array);
  return {
    stdin: (async function* () {
      if (feed.length > 0) yield feed;
    })(),
    stdout: writer(out),
    stderr: writer(err),
    isTty: options.isTty ?? false,
    cwd: options.cwd ?? process.cwd(),
    untilStopped: async () => undefined,
    out: () => Buffer.concat(out).toString(),
    err: () => Buffer.concat(err).toString(),
  };
}
