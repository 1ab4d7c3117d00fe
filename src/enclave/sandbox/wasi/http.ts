/**
 * wasi:http for one call: the query as an incoming-request, the answer through response-outparam, and outgoing-handler as the only way
 * out. A request leaves when its body is finished; what the gate refuses comes back as an error-code. [WASI 0.2.12 wasi:http]
 */
import type { AskOutside, EgressAnswer, FunctionRequest } from '../sandbox.ts';
import { FutureTrailers, IncomingBody, OutgoingBody } from './http-bodies.ts';
import { makeErrorCode } from './http-errors.ts';
import { Fields } from './http-fields.ts';
import {
  FutureIncomingResponse,
  IncomingRequest,
  IncomingResponse,
  makeMethod,
  OutgoingMessage,
  RequestOptions,
} from './http-messages.ts';
import { OutputBuffer } from './io.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const INVALID: Result<never, undefined> = err(undefined);
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const VISIBLE = /^[\x21-\x7e]*$/;

/** What one call lets its guest do, and what it hears of it. */
export interface HttpCall {
  readonly egress: AskOutside;
  /** Bytes that the guest may write as its answer, and as many again in all its outgoing requests together. */
  readonly outputBytes: number;
  /** Is called when the guest writes more. */
  readonly exceeded: () => void;
}

/** An answer as the guest set it: complete only once its body is finished. */
export type Answer =
  | { readonly tag: 'response'; readonly response: OutgoingResponse }
  | { readonly tag: 'error'; readonly code: string };

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
  // All requests of a call share one: bodies lie outside of every other cap on the process's memory.
  const forRequests = { leftBytes: call.outputBytes };
  const forAnswers = { leftBytes: call.outputBytes };

  class OutgoingRequest extends OutgoingMessage {
    #method = 'GET';
    #path: string | undefined = undefined;
    #scheme: Variant | undefined = undefined;
    #authority: string | undefined = undefined;
    constructor(headers: Fields) {
      super(headers, new OutputBuffer(forRequests, call.exceeded));
    }
    method(): Variant {
      return makeMethod(this.#method);
    }
    setMethod(method: Variant): Result<undefined, undefined> {
      const name = method.tag === 'other' ? String(method.val) : method.tag.toUpperCase();
      if (!METHOD.test(name)) return INVALID;
      this.#method = name;
      return DONE;
    }
    pathWithQuery(): string | undefined {
      return this.#path;
    }
    setPathWithQuery(path: string | undefined): Result<undefined, undefined> {
      if (path !== undefined && !VISIBLE.test(path)) return INVALID;
      this.#path = path;
      return DONE;
    }
    scheme(): Variant | undefined {
      return this.#scheme;
    }
    setScheme(scheme: Variant | undefined): Result<undefined, undefined> {
      if (scheme?.tag === 'other' && !VISIBLE.test(String(scheme.val))) return INVALID;
      this.#scheme = scheme;
      return DONE;
    }
    authority(): string | undefined {
      return this.#authority;
    }
    setAuthority(authority: string | undefined): Result<undefined, undefined> {
      if (authority !== undefined && !VISIBLE.test(authority)) return INVALID;
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
      super(headers, new OutputBuffer(forAnswers, call.exceeded));
    }
    statusCode(): number {
      return this.#status;
    }
    setStatusCode(status: number): Result<undefined, undefined> {
      if (status < 200 || status > 599) return INVALID;
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
