/**
 * Where the messages of WASI 0.3 meet the gate: requests that leave, and the answer to a query. Either departs whole when its body is finished
 * soon, and otherwise in pieces.
 */
import type { EgressAnswer, EgressRequest } from '../../sandbox.ts';
import type { ByteSink } from '../byte-stream.ts';
import type { GuestCall } from '../call.ts';
import type { Fields } from '../http-fields.ts';
import { ResponseOutparam } from '../http-outgoing.ts';
import { OutgoingBytes } from '../outgoing-bytes.ts';
import { err, ok } from '../result.ts';

/** Has a body go out in pieces when everything that can happen at once has happened and it is not finished. */
function departSoon(bytes: OutgoingBytes): void {
  setImmediate(() => bytes.depart());
}

/** Begins a request whose body is written into the sink; `length` is what its head declares. */
export function beginRequest(
  call: GuestCall,
  head: Omit<EgressRequest, 'body'>,
  length: number | null,
): { readonly sink: ByteSink; readonly answer: Promise<EgressAnswer> } {
  const bytes = new OutgoingBytes(call, call.forRequests, length);
  const { promise: answer, resolve } = Promise.withResolvers<EgressAnswer>();
  bytes.release({
    whole: (body) => resolve(call.egress({ ...head, body })),
    begin: (known, held) => {
      const begun = call.beginEgress({ ...head, body: { length: known } }, held);
      resolve(begun.answer);
      return begun.body;
    },
    broken: () => resolve({ error: 'internal-error' }),
  });
  departSoon(bytes);
  return { sink: bytes, answer };
}

/** Begins the answer to a query; its body is written into the sink. */
export function beginAnswer(
  call: GuestCall,
  outparam: ResponseOutparam,
  head: { readonly status: number; readonly headers: Fields },
  length: number | null,
): ByteSink {
  const bytes = new OutgoingBytes(call, call.forAnswers, length);
  const response = {
    statusCode: () => head.status,
    headers: () => head.headers,
    release: (departure: Parameters<OutgoingBytes['release']>[0]) => bytes.release(departure),
  };
  ResponseOutparam.set(call, outparam, ok(response));
  departSoon(bytes);
  return bytes;
}

/** Answers a query with an error. */
export function refuseAnswer(call: GuestCall, outparam: ResponseOutparam, code: string): void {
  ResponseOutparam.set(call, outparam, err({ tag: code }));
}
