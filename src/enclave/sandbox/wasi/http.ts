/**
 * wasi:http for one call: the query as an incoming-request, the answer through response-outparam, and outgoing-handler as the only way
 * out. A request leaves when its body is finished; what the gate refuses comes back as an error-code. [WASI 0.2.12 wasi:http]
 */
import type { Egress, EgressAnswer, FunctionRequest, FunctionResponse } from '../sandbox.ts';
import { FutureTrailers, IncomingBody, OutgoingBody } from './http-bodies.ts';
import { makeErrorCode } from './http-errors.ts';
import { Fields } from './http-fields.ts';
import { OutputBuffer, Pollable } from './io.ts';
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
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const VISIBLE = /^[\x21-\x7e]*$/;

function makeMethod(method: string): Variant {
  const tag = method.toLowerCase();
  // Methods are case-sensitive, so `get` is not GET.
  return METHODS.has(tag) && method === method.toUpperCase() ? { tag } : { tag: 'other', val: method };
}

/** What one call lets its guest do, and what it hears of it. */
export interface HttpCall {
  readonly egress: Egress;
  /** Bytes that the guest may write in all, as answer and in outgoing requests. */
  readonly outputBytes: number;
  /** Is called when the guest writes more. */
  readonly exceeded: () => void;
}

/** An answer as the guest set it: complete only once its body is finished. */
export type Answer =
  | { readonly tag: 'response'; readonly response: OutgoingResponse }
  | { readonly tag: 'error'; readonly code: string };

class IncomingRequest {
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
    return ok(new IncomingBody(this.#request.body));
  }
}

class IncomingResponse {
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
    return ok(new IncomingBody(this.#response.body));
  }
}

class RequestOptions {
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

class FutureIncomingResponse {
  readonly #done: Promise<void>;
  #answer: EgressAnswer | null = null;
  #taken = false;
  constructor(answer: Promise<EgressAnswer>) {
    this.#done = answer.then((value) => {
      this.#answer = value;
    });
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

/** A message that a guest makes: headers, and a body that it may take out and write once. */
class OutgoingMessage {
  readonly #headers: Fields;
  readonly #buffer: OutputBuffer;
  #body: Promise<Uint8Array | null> | null = null;
  #finished: Uint8Array | null = null;
  constructor(headers: Fields, buffer: OutputBuffer) {
    this.#headers = headers;
    this.#buffer = buffer;
  }
  headers(): Fields {
    return this.#headers.frozen();
  }
  body(): Result<OutgoingBody, undefined> {
    if (this.#body !== null) return NOT_AGAIN;
    const { promise, resolve } = Promise.withResolvers<Uint8Array | null>();
    this.#body = promise;
    return ok(
      new OutgoingBody(this.#buffer, (bytes) => {
        this.#finished = bytes;
        resolve(bytes);
      }),
    );
  }
  /** The body once it is finished, null when it was dropped before; empty when it was never taken out. */
  whenFinished(): Promise<Uint8Array | null> {
    return this.#body ?? Promise.resolve(new Uint8Array(0));
  }
  /** The body if it is finished by now. */
  finished(): Uint8Array | null {
    return this.#body === null ? new Uint8Array(0) : this.#finished;
  }
}

/** wasi:http/types outgoing-response, for whoever reads the answer. */
export interface OutgoingResponse {
  statusCode(): number;
  headers(): Fields;
  finished(): Uint8Array | null;
}

/** The interfaces of wasi:http for one call, and the makers of what the host hands to the guest. */
export interface HttpHost {
  readonly interfaces: Readonly<Record<string, unknown>>;
  makeRequest(request: FunctionRequest): unknown;
  /** Makes the place for the answer; `answer` gives what the guest set there, null when nothing yet. */
  makeOutparam(): { readonly outparam: unknown; readonly answer: () => Answer | null };
}

/** Opens wasi:http for one call. The classes that hold a budget are made per call, so that no call can spend another's. */
export function openHttp(call: HttpCall): HttpHost {
  const buffer = (): OutputBuffer => new OutputBuffer(call.outputBytes, call.exceeded);

  class OutgoingRequest extends OutgoingMessage {
    #method = 'GET';
    #path: string | undefined = undefined;
    #scheme: Variant | undefined = undefined;
    #authority: string | undefined = undefined;
    constructor(headers: Fields) {
      super(headers, buffer());
    }
    method(): Variant {
      return makeMethod(this.#method);
    }
    setMethod(method: Variant): Result<undefined, undefined> {
      const name = method.tag === 'other' ? String(method.val) : method.tag.toUpperCase();
      if (!METHOD.test(name)) return NOT_AGAIN;
      this.#method = name;
      return DONE;
    }
    pathWithQuery(): string | undefined {
      return this.#path;
    }
    setPathWithQuery(path: string | undefined): Result<undefined, undefined> {
      if (path !== undefined && !VISIBLE.test(path)) return NOT_AGAIN;
      this.#path = path;
      return DONE;
    }
    scheme(): Variant | undefined {
      return this.#scheme;
    }
    setScheme(scheme: Variant | undefined): Result<undefined, undefined> {
      if (scheme?.tag === 'other' && !VISIBLE.test(String(scheme.val))) return NOT_AGAIN;
      this.#scheme = scheme;
      return DONE;
    }
    authority(): string | undefined {
      return this.#authority;
    }
    setAuthority(authority: string | undefined): Result<undefined, undefined> {
      if (authority !== undefined && !VISIBLE.test(authority)) return NOT_AGAIN;
      this.#authority = authority;
      return DONE;
    }
    async send(): Promise<EgressAnswer> {
      const body = await this.whenFinished();
      if (body === null) return { error: 'internal-error' };
      const scheme = this.#scheme ?? { tag: 'HTTPS' };
      return call.egress({
        method: this.#method,
        scheme: scheme.tag === 'other' ? String(scheme.val) : scheme.tag.toLowerCase(),
        authority: this.#authority ?? '',
        path: this.#path ?? '/',
        headers: this.headers().toHeaders(),
        body,
      });
    }
  }

  class Response extends OutgoingMessage implements OutgoingResponse {
    #status = 200;
    constructor(headers: Fields) {
      super(headers, buffer());
    }
    statusCode(): number {
      return this.#status;
    }
    setStatusCode(status: number): Result<undefined, undefined> {
      if (status < 200 || status > 599) return NOT_AGAIN;
      this.#status = status;
      return DONE;
    }
  }

  class ResponseOutparam {
    #answer: Answer | null = null;
    static set(outparam: ResponseOutparam, answer: Result<Response, Variant>): void {
      outparam.#answer =
        answer.tag === 'ok' ? { tag: 'response', response: answer.val } : { tag: 'error', code: answer.val.tag };
    }
    get answer(): Answer | null {
      return this.#answer;
    }
    sendInformational(): Result<undefined, Variant> {
      return err(makeErrorCode('HTTP-request-denied'));
    }
  }

  const send = (request: OutgoingRequest): Result<FutureIncomingResponse, Variant> =>
    ok(new FutureIncomingResponse(request.send()));

  return {
    interfaces: {
      'wasi:http/types': {
        Fields,
        IncomingRequest,
        OutgoingRequest,
        RequestOptions,
        ResponseOutparam,
        IncomingResponse,
        IncomingBody,
        FutureTrailers,
        OutgoingResponse: Response,
        OutgoingBody,
        FutureIncomingResponse,
        httpErrorCode: () => undefined,
      },
      'wasi:http/outgoing-handler': { handle: send },
    },
    makeRequest: (request) => new IncomingRequest(request),
    makeOutparam: () => {
      const outparam = new ResponseOutparam();
      return { outparam, answer: () => outparam.answer };
    },
  };
}
