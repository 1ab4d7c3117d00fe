/** The resources of wasi:http that need nothing of their call but what they are made from. [WASI 0.2.12 wasi:http/types] */
import { type Body, isWhole, sourceOf } from '../body.ts';
import type { EgressAnswer, FunctionRequest, FunctionResponse } from '../sandbox.ts';
import { IncomingBody } from './http-bodies.ts';
import { makeErrorCode } from './http-errors.ts';
import { Fields } from './http-fields.ts';
import { Pollable } from './io.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const NOT_AGAIN: Result<never, undefined> = err(undefined);
const METHODS: ReadonlySet<string> = new Set([
  'get',
  'head',
  'post',
  'put',
  'delete',
  'connect',
  'options',
  'trace',
  'patch',
]);

/** Makes the method variant of a name. */
export function makeMethod(method: string): Variant {
  const tag = method.toLowerCase();
  // Methods are case-sensitive, so `get` is not GET.
  return METHODS.has(tag) && method === method.toUpperCase() ? { tag } : { tag: 'other', val: method };
}

/** Says that nobody will read a body. */
function cancelBody(body: Body): void {
  if (!isWhole(body)) body.source.cancel();
}

/** wasi:http/types incoming-request. */
export class IncomingRequest {
  readonly #request: FunctionRequest;
  #consumed = false;
  constructor(request: FunctionRequest) {
    this.#request = request;
  }
  method(): Variant {
    return makeMethod(this.#request.method);
  }
  pathWithQuery(): string {
    return this.#request.path;
  }
  scheme(): Variant {
    return { tag: 'HTTPS' };
  }
  authority(): string {
    return this.#request.authority;
  }
  headers(): Fields {
    return Fields.received(this.#request.headers);
  }
  consume(): Result<IncomingBody, undefined> {
    if (this.#consumed) return NOT_AGAIN;
    this.#consumed = true;
    return ok(new IncomingBody(sourceOf(this.#request.body)));
  }
  [Symbol.dispose](): void {
    if (!this.#consumed) cancelBody(this.#request.body);
  }
}

/** wasi:http/types incoming-response. */
export class IncomingResponse {
  readonly #response: FunctionResponse;
  #consumed = false;
  constructor(response: FunctionResponse) {
    this.#response = response;
  }
  status(): number {
    return this.#response.status;
  }
  headers(): Fields {
    return Fields.received(this.#response.headers);
  }
  consume(): Result<IncomingBody, undefined> {
    if (this.#consumed) return NOT_AGAIN;
    this.#consumed = true;
    return ok(new IncomingBody(sourceOf(this.#response.body)));
  }
  [Symbol.dispose](): void {
    if (!this.#consumed) cancelBody(this.#response.body);
  }
}

/** wasi:http/types request-options, which are kept and otherwise ignored: the gate has its own timeouts. */
export class RequestOptions {
  #connect: bigint | undefined;
  #firstByte: bigint | undefined;
  #betweenBytes: bigint | undefined;
  connectTimeout(): bigint | undefined {
    return this.#connect;
  }
  setConnectTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#connect = duration;
    return DONE;
  }
  firstByteTimeout(): bigint | undefined {
    return this.#firstByte;
  }
  setFirstByteTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#firstByte = duration;
    return DONE;
  }
  betweenBytesTimeout(): bigint | undefined {
    return this.#betweenBytes;
  }
  setBetweenBytesTimeout(duration: bigint | undefined): Result<undefined, undefined> {
    this.#betweenBytes = duration;
    return DONE;
  }
}

/** wasi:http/types future-incoming-response. */
export class FutureIncomingResponse {
  readonly #done: Promise<void>;
  #answer: EgressAnswer | null = null;
  #taken = false;
  #dropped = false;
  constructor(answer: Promise<EgressAnswer>) {
    this.#done = this.#keep(answer);
  }
  async #keep(answer: Promise<EgressAnswer>): Promise<void> {
    const given = await answer;
    if (this.#dropped && !('error' in given)) cancelBody(given.body);
    this.#answer = given;
  }
  [Symbol.dispose](): void {
    this.#dropped = true;
    const answer = this.#answer;
    if (answer !== null && !this.#taken && !('error' in answer)) cancelBody(answer.body);
  }
  subscribe(): Pollable {
    return new Pollable(
      () => this.#answer !== null,
      () => this.#done,
    );
  }
  get(): Result<Result<IncomingResponse, Variant>, undefined> | undefined {
    const answer = this.#answer;
    if (answer === null) return undefined;
    if (this.#taken) return NOT_AGAIN;
    this.#taken = true;
    return ok('error' in answer ? err(makeErrorCode(answer.error)) : ok(new IncomingResponse(answer)));
  }
}
