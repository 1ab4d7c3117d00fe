/**
 * wasi:http: the query as an incoming-request, the answer through response-outparam, and outgoing-handler as the only way out;
 * what the gate refuses comes back as an error-code. [WASI 0.2.12 wasi:http]
 */
import { FutureTrailers, IncomingBody, OutgoingBody } from './http-bodies.ts';
import { Fields } from './http-fields.ts';
import { FutureIncomingResponse, IncomingRequest, IncomingResponse, RequestOptions } from './http-messages.ts';
import { OutgoingRequest, OutgoingResponse, ResponseOutparam } from './http-outgoing.ts';
import { ok, type Result } from './result.ts';

const send = (_call: unknown, request: OutgoingRequest): Result<FutureIncomingResponse, never> =>
  ok(new FutureIncomingResponse(request.send()));

/** The interfaces of wasi:http. */
export const HTTP: Readonly<Record<string, unknown>> = {
  'wasi:http/types': {
    Fields,
    IncomingRequest,
    OutgoingRequest,
    RequestOptions,
    ResponseOutparam,
    IncomingResponse,
    IncomingBody,
    FutureTrailers,
    OutgoingResponse,
    OutgoingBody,
    FutureIncomingResponse,
    httpErrorCode: () => undefined,
  },
  'wasi:http/outgoing-handler': { handle: send },
};
