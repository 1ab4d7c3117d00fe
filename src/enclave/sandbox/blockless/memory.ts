/**
 * The imports `blockless_memory` of a core module: the body of the query as standard input, and the query's method, path and query string as
 * JSON. Both begin anew at each call. [Blockless blockless_memory.witx]
 */
import { encodeUtf8, parseUtf8 } from '../../../base/bytes.ts';
import { errnoOf } from '../wasi/preview1-errno.ts';
import type { Preview1Memory } from '../wasi/preview1-memory.ts';

const SUCCESS = 0;
const RUNTIME_ERROR = 2;
const INVALID_PARAMETER = 3;

/** What a guest's SDK asks for under other names than CGI's. */
const NAMES = [
  ['BLS_REQUEST_METHOD', 'REQUEST_METHOD'],
  ['BLS_REQUEST_PATH', 'PATH_INFO'],
  ['BLS_REQUEST_QUERY', 'QUERY_STRING'],
] as const;

type Variable = readonly [name: string, value: string];
type Read = (at: number, length: number, countAt: number) => number;

/** Makes the imports of one call; `env` has the query in CGI's names, `stdin` its body. */
export function openBlocklessMemory(
  given: { readonly env: readonly Variable[]; readonly stdin: Uint8Array },
  memory: Preview1Memory,
): { readonly memory_read: Read; readonly env_var_read: Read } {
  const env = new Map(given.env);
  const request = NAMES.flatMap(([name, from]): readonly Variable[] => {
    const value = env.get(from);
    return value === undefined ? [] : [[name, value]];
  });

  const read =
    (bytesFor: (length: number) => Uint8Array): Read =>
    (at, length, countAt) => {
      if (length === 0) return INVALID_PARAMETER;
      try {
        const room = memory.bytes(at, length);
        const part = bytesFor(room.length).subarray(0, room.length);
        memory.setU32(countAt, part.length);
        room.set(part);
        return SUCCESS;
      } catch (e) {
        if (errnoOf(e) !== null) return RUNTIME_ERROR;
        throw e;
      }
    };

  const writeJson = (variables: readonly Variable[]): Uint8Array =>
    encodeUtf8(JSON.stringify(Object.fromEntries(variables)));
  return {
    memory_read: read(() => given.stdin),
    env_var_read: read((length) => {
      const body = parseUtf8(given.stdin);
      const whole = writeJson(
        body === null || request.length === 0 ? request : [...request, ['BLS_REQUEST_BODY', body]],
      );
      // Half a JSON text would end the guest, and the body can be had by `memory_read`, too.
      return whole.length > length ? writeJson(request) : whole;
    }),
  };
}
