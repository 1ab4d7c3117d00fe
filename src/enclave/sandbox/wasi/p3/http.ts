/**
 * wasi:http of WASI 0.3: the query as a request, the answer as a response, and the client as the only way out. What the gate refuses comes back
 * as an error-code. [WASI 0.3.0 wasi:http]
 */
import type { FunctionRequest, FunctionResponse } from '../../sandbox.ts';
import type { GuestCall } from '../call.ts';
import { makeErrorCode } from '../http-errors.ts';
import { DONE, err, ok, type Result, type Variant } from '../result.ts';
import { GateContents } from './http-contents.ts';
import { Fields, RequestOptions } from './http-fields.ts';
import { Request, type RequestHead, Response, receivedHeaders } from './http-messages.ts';
import { beginAnswer, beginRequest, bodySource } from './http-wire.ts';

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
  const { sink, answer } = beginRequest(call, {
    method: head.method,
    scheme: schemeOf(head),
    authority: head.authority ?? '',
    path,
    headers: request.toHeaders(),
  });
  const poured = contents.pour(sink, request.declaredSize());
  const given = await answer;
  if ('error' in given) {
    sink.abort();
    const done = await Promise.race([poured, Promise.resolve(DONE)]);
    const failure = done.tag === 'err' ? done : err(makeErrorCode(given.error));
    contents.finish(failure);
    return failure;
  }
  void poured.then((done) => contents.finish(done));
  const body = new GateContents(bodySource(given), 'HTTP-response-incomplete');
  return ok(new Response(given.status, receivedHeaders(given.headers), body));
}

/** Sends a request: one that the guest made, or one that it was given and passes on. */
function send(call: GuestCall, request: Request): Result<never, Variant> | Promise<Result<Response, Variant>> {
  const path = pathOf(request.head);
  if (path !== null) return sendRequest(call, request, path);
  request[Symbol.dispose]();
  return err({ tag: 'HTTP-request-URI-invalid' });
}

/** Makes the request that a query is for its guest. */
export function receiveQuery(query: FunctionRequest): Request {
  const { method, path, authority, headers } = query;
  const contents = new GateContents(bodySource(query), 'HTTP-request-body-size');
  return new Request(
    { method, scheme: { tag: 'HTTPS' }, authority, path },
    receivedHeaders(headers),
    contents,
    undefined,
  );
}

/** Sends the answer that a guest returned; gives it when it is complete, or the reason why it is not. */
export async function answerQuery(
  call: GuestCall,
  returned: Result<Response, Variant>,
): Promise<FunctionResponse | { readonly flaw: string }> {
  if (returned.tag === 'err') return { flaw: `it answered with the error ${returned.val.tag}` };
  const response = returned.val;
  const contents = response.takeContents();
  if (contents === null) return { flaw: 'it answered with a response without contents' };
  const { sink, whole } = beginAnswer(call);
  const poured = contents.pour(sink, response.declaredSize());
  const body = await whole;
  contents.finish(await poured);
  if (body === null) return { flaw: 'it did not finish the body of its answer' };
  return { status: response.getStatusCode(), headers: response.toHeaders(), body };
}

/** The interfaces of wasi:http. */
export const HTTP_3: Readonly<Record<string, unknown>> = {
  'wasi:http/types@0.3': { Fields, RequestOptions, Request, Response },
  'wasi:http/client@0.3': { send },
};
