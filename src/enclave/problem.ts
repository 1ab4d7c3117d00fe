/** Refusals and failures as HTTP answers that teach: owner, rule, reason and hint, in `application/problem+json`. [RFC 9457] */
import { encodeUtf8 } from '../base/bytes.ts';
import { EnclaveError, ERRORS, type ErrorCode, FunctionError } from '../errors.ts';
import type { Decision } from '../policy/policy.ts';
import type { HeaderField, WholeResponse } from './sandbox/sandbox.ts';

/** Marks the gate's own refusals and failures; the gate takes it, and all of its kind, out of what functions answer. */
const REFUSAL_HEADER = 'anchorhold-refused-by';

function answer(status: number, body: Readonly<Record<string, unknown>>, extra: readonly HeaderField[]): WholeResponse {
  return {
    status,
    headers: [
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
      // Functions cannot set this one, so a client can tell the gate's word from a function's.
      [REFUSAL_HEADER, 'gate'],
      ...extra,
    ],
    body: encodeUtf8(`${JSON.stringify(body)}\n`),
  };
}

/** Answers with a code of the error table and one sentence; `retryAfterSeconds` becomes Retry-After. */
export function problemOfCode(code: ErrorCode, detail: string, retryAfterSeconds?: number): WholeResponse {
  const { meaning, action, status } = ERRORS[code];
  const extra: HeaderField[] = retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)]];
  if (code === 'ERR_FUNCTION_METHOD') extra.push(['allow', 'POST']);
  return answer(status, { type: 'about:blank', title: meaning, status, code, detail, hint: action }, extra);
}

/** Answers with a typed error; anything else says nothing of its inside. */
export function problemOfError(error: unknown): WholeResponse {
  if (!(error instanceof EnclaveError))
    return problemOfCode('ERR_FUNCTION_UNAVAILABLE', 'the worker failed on this request');
  const known = error instanceof FunctionError ? error.retryAfterSeconds : null;
  return problemOfCode(error.code, error.message, known ?? (error.status === 503 ? 1 : undefined));
}

/** Answers with an owner's denial: who refused, where it is written, why, and what to do. */
export function problemOfDenial(code: ErrorCode, denial: Decision, retryAfterSeconds?: number): WholeResponse {
  const { meaning, status } = ERRORS[code];
  const { owner, at, reason, hint } = denial;
  const extra: HeaderField[] = retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)]];
  const rule = `${at.file}:${at.line}`;
  return answer(
    status,
    { type: 'about:blank', title: meaning, status, code, detail: reason, owner, rule, hint },
    extra,
  );
}
