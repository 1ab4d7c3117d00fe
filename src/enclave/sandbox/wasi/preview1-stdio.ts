/** Standard streams as preview1 reads and writes them: the bytes that are there, and what is left of the output. */
import type { GuestCall } from './call.ts';
import { Errno } from './preview1-errno.ts';

/** Bytes of standard input that can be read. */
export function stdinLeft(call: GuestCall): number {
  return call.stdin.rest.length;
}

/** Reads as much as there is into the buffers; gives the number of bytes. */
export function readStdin(call: GuestCall, buffers: readonly Uint8Array[]): number {
  let size = 0;
  for (const to of buffers) {
    const part = call.stdin.rest.subarray(0, to.length);
    to.set(part);
    call.stdin.rest = call.stdin.rest.subarray(part.length);
    size += part.length;
  }
  return size;
}

/** Writes to standard output or error; more than the guest may write is `io`. */
export function writeStdout(call: GuestCall, number: 1 | 2, buffers: readonly Uint8Array[]): number {
  const out = number === 1 ? call.stdout : call.stderr;
  let size = 0;
  for (const bytes of buffers) {
    if (!out.write(bytes)) throw new Errno('io');
    size += bytes.length;
  }
  return size;
}
