/**
 * wasi:http of WASI 0.3: the query as a request, the answer as a response, and the client as the only way out. What the gate refuses comes back
 * as an error-code. [WASI 0.3.0 wasi:http]
 */
import { sourceOf } from '../../body.ts';
import type { FunctionRequest } from '../../sandbox.ts';
import type { GuestCall } from '../call.ts';
import { makeErrorCode } from '../http-errors.ts';
import type { ResponseOutparam } from '../http-outgoing.ts';
import { DONE, err, ok, type Result, type Variant } from '../result.ts';
import { GateContents } from './http-contents.ts';
import { Fields, RequestOptions } from './http-fields.ts';
import { Request, type RequestHead, Response, receivedHeaders } from './http-messages.ts';
import { beginAnswer, beginRequest, refuseAnswer } from './http-wire.ts';

/** Schemes that a policy can allow. */
const CARRIED: ReadonlySet<string> = new Set(['http', 'https', 'enclave']);
const NOT_ASCII = /[^\x21-\x7e]+/gu;

function schemeOf({ scheme }: RequestHead): string {
  if (scheme === undefined) return 'https';
  return scheme.tag === 'other' ? String(scheme.val) : scheme.tag.toLowerCase();
}

/** Writes a path as the wire has it, null when it is none. */
function pathOf({ path = '/' }: RequestHead): string | null {
  const whole = path.startsWith('?') ? `/${path}` : path;
  return whole.startsWith('/') ? whole.replace(NOT_ASCII, encodeURIComponent) : null;
}

/** Sends what a guest has made, and gives what comes back. */
async function sendRequest(call: GuestCall, request: Request, path: string): Promise<Result<Response, Variant>> {
  const { head } = request;
  const contents = request.takeContents();
  if (contents === null) throw new TypeError('a request without contents');
  const size = request.declaredSize();
  const { method, authority = '' } = head;
  const wire = { method, scheme: schemeOf(head), authority, path, headers: request.toHeaders() };
  const { sink, answer } = beginRequest(call, wire, size);
  const poured = contents.pour(sink, size);
  const given = await answer;
  if ('error' in given) {
    sink.abort();
    const done = await Promise.race([poured, Promise.resolve(DONE)]);
    const failure = done.tag === 'err' ? done : err(makeErrorCode(given.error));
    contents.finish(failure);
    contents.drop();
    return failure;
  }
  void poured.then((done) => contents.finish(done));
  const body = new GateContents(sourceOf(given.body), 'HTTP-response-incomplete');
  return ok(new Response(given.status, receivedHeaders(given.headers), body));
}

/** Sends a request: one that the guest made, or one that it was given and passes on. */
function send(call: GuestCall, request: Request): Result<never, Variant> | Promise<Result<Response, Variant>> {
  const path = pathOf(request.head);
  const isCarried = CARRIED.has(schemeOf(request.head)) && request.head.method !== 'CONNECT';
  if (path !== null && isCarried) return sendRequest(call, request, path);
  request[Symbol.dispose]();
  return err({ tag: path === null ? 'HTTP-request-URI-invalid' : 'HTTP-protocol-error' });
}

/** Makes the request that a query is for its guest. */
export function receiveQuery(query: FunctionRequest): Request {
  const { method, path, authority, headers } = query;
  const contents = new GateContents(sourceOf(query.body), 'HTTP-request-body-size');
  return new Request(
    { method, scheme: { tag: 'HTTPS' }, authority, path },
    receivedHeaders(headers),
    contents,
    undefined,
  );
}

/** Sends the answer that a guest returned; resolves when the guest has written all of it, or broken it off. */
export async function answerQuery(
  call: GuestCall,
  outparam: ResponseOutparam,
  returned: Result<Response, Variant>,
): Promise<void> {
  if (returned.tag === 'err') return refuseAnswer(call, outparam, returned.val.tag);
  const response = returned.val;
  const contents = response.takeContents();
  const status = response.getStatusCode();
  // What is sent before an answer is none.
  if (contents === null || status < 200) return refuseAnswer(call, outparam, 'HTTP-protocol-error');
  const size = response.declaredSize();
  const headers = response.getHeaders().inner;
  contents.finish(await contents.pour(beginAnswer(call, outparam, { status, headers }, size), size));
}

/** The interfaces of wasi:http. */
export const HTTP_3: Readonly<Record<string, unknown>> = {
  'wasi:http/types@0.3': { Fields, RequestOptions, Request, Response },
  'wasi:http/client@0.3': { send },
};
