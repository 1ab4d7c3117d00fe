/**
 * The imports `blockless_http` of a core module: requests through the call's egress, and their answers by handles. Whatever a guest does
 * wrong, and every refusal, is an error number; `http_req` answers with a promise, so it has to suspend its guest. [Blockless blockless_http.witx]
 */
import { parseUtf8 } from '../../../base/bytes.ts';
import { LIMITS } from '../../../base/limits.ts';
import { readWhole } from '../body.ts';
import type { FunctionResponse } from '../sandbox.ts';
import type { GuestCall } from '../wasi/call.ts';
import { errnoOf } from '../wasi/preview1-errno.ts';
import type { Preview1Memory } from '../wasi/preview1-memory.ts';
import { HTTP_ERROR, httpErrorOf } from './http-error.ts';
import { parseHttpRequest } from './http-request.ts';

const { success, invalidHandle, memoryAccess, headerNotFound, utf8, tooManySessions, request: bad } = HTTP_ERROR;

/** An answer that the guest has not closed, and what it has not read of the body. */
interface Session extends Pick<FunctionResponse, 'headers'> {
  rest: Uint8Array;
}

type Call<R> = (...args: number[]) => R;

export interface BlocklessHttp {
  readonly http_req: Call<Promise<number>>;
  readonly http_read_header: Call<number>;
  readonly http_read_body: Call<number>;
  readonly http_close: Call<number>;
}

/** A pointer outside of the guest's memory is a number of its own; anything else is our fault. */
function faultOf(e: unknown): number {
  if (errnoOf(e) !== null) return memoryAccess;
  throw e;
}

/** Reads text; null when it is longer than `maxBytes` or no UTF-8. */
function readText(memory: Preview1Memory, at: number, length: number, maxBytes: number): string | null {
  const bytes = memory.bytes(at, length);
  return bytes.length > maxBytes ? null : parseUtf8(bytes);
}

function guard(run: Call<number>): Call<number> {
  return (...args) => {
    try {
      return run(...args);
    } catch (e) {
      return faultOf(e);
    }
  };
}

/** Makes the imports of one call. */
export function openBlocklessHttp(
  call: Pick<GuestCall, 'egress' | 'forRequests' | 'exceeded'>,
  memory: Preview1Memory,
): BlocklessHttp {
  const sessions = new Map<number, Session>();
  let underWay = 0;
  let last = 0;

  /** Takes the bytes of a body from what the guest may send in all. */
  function spend(bytes: number): boolean {
    const { forRequests } = call;
    if (bytes > forRequests.leftBytes) {
      forRequests.leftBytes = 0;
      call.exceeded();
      return false;
    }
    forRequests.leftBytes -= bytes;
    return true;
  }

  async function open(
    urlAt: number,
    urlLength: number,
    optionsAt: number,
    optionsLength: number,
    handleAt: number,
    statusAt: number,
  ): Promise<number> {
    const url = readText(memory, urlAt, urlLength, LIMITS.requestHeadBytes);
    const options = readText(memory, optionsAt, optionsLength, LIMITS.guestOptionsBytes);
    if (url === null || options === null) return utf8;
    // Before anything is sent: the answer must have a place to go to.
    memory.setU32(handleAt, 0);
    memory.setU32(statusAt, 0);
    const request = parseHttpRequest(url, options);
    if (typeof request === 'number') return request;
    if (sessions.size + underWay >= LIMITS.guestSessions) return tooManySessions;
    if (!spend(request.body.length)) return bad;
    underWay += 1;
    const answer = await call.egress(request);
    const rest = 'error' in answer ? null : await readWhole(answer.body, LIMITS.bodyBytes);
    underWay -= 1;
    if ('error' in answer || rest === null)
      return httpErrorOf('error' in answer ? answer.error : 'HTTP-response-body-size');
    last += 1;
    sessions.set(last, { headers: answer.headers, rest });
    memory.setU32(handleAt, last);
    memory.setU32(statusAt, answer.status);
    return success;
  }

  /** Copies as much as there is room for, and says how much. */
  function give(bytes: Uint8Array, at: number, length: number, countAt: number): Uint8Array {
    const room = memory.bytes(at, length);
    const part = bytes.subarray(0, room.length);
    memory.setU32(countAt, part.length);
    room.set(part);
    return part;
  }

  return {
    http_req: (urlAt = 0, urlLength = 0, optionsAt = 0, optionsLength = 0, handleAt = 0, statusAt = 0) =>
      open(urlAt, urlLength, optionsAt, optionsLength, handleAt, statusAt).catch(faultOf),
    http_read_header: guard((handle = 0, nameAt = 0, nameLength = 0, at = 0, length = 0, countAt = 0) => {
      const session = sessions.get(handle >>> 0);
      if (session === undefined) return invalidHandle;
      const name = readText(memory, nameAt, nameLength, LIMITS.requestHeadBytes)?.toLowerCase();
      if (name === undefined) return utf8;
      const value = session.headers.find(([known]) => known === name)?.[1];
      if (value === undefined) return headerNotFound;
      give(Buffer.from(value, 'latin1'), at, length, countAt);
      return success;
    }),
    http_read_body: guard((handle = 0, at = 0, length = 0, countAt = 0) => {
      const session = sessions.get(handle >>> 0);
      if (session === undefined) return invalidHandle;
      session.rest = session.rest.subarray(give(session.rest, at, length, countAt).length);
      return success;
    }),
    http_close: guard((handle = 0) => (sessions.delete(handle >>> 0) ? success : invalidHandle)),
  };
}
