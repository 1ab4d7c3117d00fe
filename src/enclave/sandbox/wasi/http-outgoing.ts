/** What a guest makes in wasi:http: requests that leave through the gate, its answer, and the place that the answer goes to. [WASI 0.2.12 wasi:http/types] */
import type { EgressAnswer } from '../sandbox.ts';
import type { GuestCall } from './call.ts';
import { OutgoingBody } from './http-bodies.ts';
import { makeErrorCode } from './http-errors.ts';
import type { Fields } from './http-fields.ts';
import { makeMethod } from './http-messages.ts';
import { OutputBuffer } from './io.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const INVALID: Result<never, undefined> = err(undefined);
const NOT_AGAIN: Result<never, undefined> = err(undefined);
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const VISIBLE = /^[\x21-\x7e]*$/;

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
  protected whenFinished(): Promise<Uint8Array | null> {
    return this.#body ?? Promise.resolve(new Uint8Array(0));
  }
  /** The body if it is finished by now. */
  finished(): Uint8Array | null {
    return this.#body === null ? new Uint8Array(0) : this.#finished;
  }
}

/** wasi:http/types outgoing-request. */
export class OutgoingRequest extends OutgoingMessage {
  readonly #call: GuestCall;
  #method = 'GET';
  #path: string | undefined = undefined;
  #scheme: Variant | undefined = undefined;
  #authority: string | undefined = undefined;
  constructor(call: GuestCall, headers: Fields) {
    super(headers, new OutputBuffer(call.forRequests, call.exceeded));
    this.#call = call;
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
  /** Sends the request once its body is finished. */
  async send(): Promise<EgressAnswer> {
    const body = await this.whenFinished();
    if (body === null) return { error: 'internal-error' };
    const scheme = this.#scheme ?? { tag: 'HTTPS' };
    return await this.#call.egress({
      method: this.#method,
      scheme: scheme.tag === 'other' ? String(scheme.val) : scheme.tag.toLowerCase(),
      authority: this.#authority ?? '',
      path: this.#path ?? '/',
      headers: this.headers().toHeaders(),
      body,
    });
  }
}

/** wasi:http/types outgoing-response. */
export class OutgoingResponse extends OutgoingMessage {
  #status = 200;
  constructor(call: GuestCall, headers: Fields) {
    super(headers, new OutputBuffer(call.forAnswers, call.exceeded));
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

/** An answer as the guest set it: complete only once its body is finished. */
export type Answer =
  | { readonly tag: 'response'; readonly response: OutgoingResponse }
  | { readonly tag: 'error'; readonly code: string };

/** wasi:http/types response-outparam: the place that a guest puts its answer in. */
export class ResponseOutparam {
  #answer: Answer | null = null;
  static set(_call: unknown, outparam: ResponseOutparam, answer: Result<OutgoingResponse, Variant>): void {
    outparam.#answer =
      answer.tag === 'ok' ? { tag: 'response', response: answer.val } : { tag: 'error', code: answer.val.tag };
  }
  /** What the guest set, null when nothing yet. */
  get answer(): Answer | null {
    return this.#answer;
  }
  sendInformational(): Result<undefined, Variant> {
    return err(makeErrorCode('HTTP-request-denied'));
  }
}
