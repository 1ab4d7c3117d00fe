/** The two families of Blockless as imports of a core module. Whatever ends the guest is a trap, as with preview1. */
import { type Fate, leaveGuest } from '../component/trap.ts';
import type { GuestCall } from '../wasi/call.ts';
import type { Preview1Memory } from '../wasi/preview1-memory.ts';
import { suspending } from '../wasi/suspending.ts';
import { openBlocklessHttp } from './http.ts';
import { openBlocklessMemory } from './memory.ts';

type Import = (...args: number[]) => number;

/** The names that a module may import, by the name of their family. */
export const BLOCKLESS_NAMES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['blockless_http', new Set(['http_req', 'http_read_header', 'http_read_body', 'http_close'])],
  ['blockless_memory', new Set(['memory_read', 'env_var_read'])],
]);

/** Makes the imports of one guest, by family and name. */
export function openBlockless(
  call: GuestCall,
  fate: Fate,
  memory: Preview1Memory,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const atOnce =
    (run: Import): Import =>
    (...args) =>
      leaveGuest(fate, () => run(...args));
  const http = openBlocklessHttp(call, memory);
  const read = openBlocklessMemory({ env: call.env, stdin: call.stdin.rest }, memory);
  return {
    blockless_http: {
      http_req: suspending(fate, http.http_req),
      http_read_header: atOnce(http.http_read_header),
      http_read_body: atOnce(http.http_read_body),
      http_close: atOnce(http.http_close),
    },
    blockless_memory: {
      memory_read: atOnce((at = 0, length = 0, countAt = 0) => read.memory_read(at, length, countAt)),
      env_var_read: atOnce((at = 0, length = 0, countAt = 0) => read.env_var_read(at, length, countAt)),
    },
  };
}
