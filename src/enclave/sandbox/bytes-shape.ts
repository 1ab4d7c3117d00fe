/**
 * The plainest shape of a function: a component that exports `run: func(list<u8>) -> list<u8>`, or the same with `result<list<u8>, string>`.
 * The body of a query goes in, the body of its answer comes out; a text of the second form says what is wrong with the query.
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { type Body, readWhole } from './body.ts';
import type { LiftedFunction, Plan } from './component/plan.ts';
import { isSameFunction } from './component/same-type.ts';
import { type FunctionType, makeValueType } from './component/value-type.ts';
import { GuestFailure } from './guest-call.ts';
import type { FunctionResponse } from './sandbox.ts';
import type { Result } from './wasi/result.ts';

const BYTES = makeValueType({ kind: 'list', element: makeValueType({ kind: 'u8' }) });
const TEXT = makeValueType({ kind: 'string' });
const PLAIN: FunctionType = { isAsync: false, params: [['input', BYTES]], result: BYTES };
const FALLIBLE: FunctionType = {
  isAsync: false,
  params: [['input', BYTES]],
  result: makeValueType({ kind: 'result', ok: BYTES, err: TEXT }),
};

/** What an answer is said to be: nobody but the function's author knows more. */
const BYTES_TYPE = 'application/octet-stream';
const TEXT_TYPE = 'text/plain; charset=utf-8';

/** The export that answers, and how what it returns becomes an answer. */
export interface BytesShape {
  readonly func: LiftedFunction;
  /** @throws GuestFailure when it is more than `maxBytes` */
  answer(returned: unknown, maxBytes: number): FunctionResponse & { readonly body: Uint8Array };
}

function respond(status: number, type: string, body: Uint8Array, maxBytes: number): ReturnType<BytesShape['answer']> {
  if (body.length > maxBytes) throw new GuestFailure('it wrote more than it may');
  return { status, headers: [['content-type', type]], body };
}

/** Reads the body of a query, which such a function is given whole. @throws GuestFailure when it breaks off, or is too large */
export async function readInput(body: Body): Promise<Uint8Array> {
  const input = await readWhole(body, LIMITS.bodyBytes);
  if (input === null) throw new GuestFailure('the body of its query broke off, or is too large');
  return input;
}

/** Finds the export `run` of a plan; null when there is none of exactly one of the two types. */
export function findBytesShape(plan: Plan): BytesShape | null {
  const func = plan.exports.get('run');
  if (func === undefined || !('of' in func)) return null;
  if (isSameFunction(func.type, PLAIN))
    return { func, answer: (returned, maxBytes) => respond(200, BYTES_TYPE, returned as Uint8Array, maxBytes) };
  if (!isSameFunction(func.type, FALLIBLE)) return null;
  return {
    func,
    answer(returned, maxBytes) {
      const result = returned as Result<Uint8Array, string>;
      return result.tag === 'ok'
        ? respond(200, BYTES_TYPE, result.val, maxBytes)
        : respond(400, TEXT_TYPE, encodeUtf8(result.val), maxBytes);
    },
  };
}
