/** What a guest makes in wasi:http: requests that leave through the gate, its answer, and the place that the answer goes to. [WASI 0.2.12 wasi:http/types] */
import type { EgressAnswer } from '../sandbox.ts';
import type { GuestCall } from './call.ts';
import { OutgoingBody } from './http-bodies.ts';
import { makeErrorCode } from './http-errors.ts';
import type { Fields } from './http-fields.ts';
import { makeMethod } from './http-messages.ts';
import { type Departure, OutgoingBytes } from './outgoing-bytes.ts';
import type { Allowance } from './output-buffer.ts';
import { DONE, err, ok, type Result, type Variant } from './result.ts';

const INVALID: Result<never, undefined> = err(undefined);
const NOT_AGAIN: Result<never, undefined> = err(undefined);
const NOTHING = new Uint8Array(0);
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const VISIBLE = /^[\x21-\x7e]*$/;

/** A message that a guest makes: headers, and a body that it may take out and write once. */
class OutgoingMessage {
  readonly #headers: Fields;
  readonly #call: Pick<GuestCall, 'exceeded' | 'departing'>;
  readonly #allowance: Allowance;
  readonly #sizeError: string;
  #bytes: OutgoingBytes | null = null;
  constructor(headers: Fields, call: GuestCall, allowance: Allowance, sizeError: string) {
    this.#headers = headers;
    this.#call = { exceeded: call.exceeded, departing: call.departing };
    this.#allowance = allowance;
    this.#sizeError = sizeError;
  }
  headers(): Fields {
    return this.#headers.frozen();
  }
  body(): Result<OutgoingBody, undefined> {
    if (this.#bytes !== null) return NOT_AGAIN;
    this.#bytes = new OutgoingBytes(this.#call, this.#allowance, this.#headers.contentLength());
    return ok(new OutgoingBody(this.#bytes, this.#sizeError));
  }
  /** Lets the message depart; one whose body was never taken out has none. */
  release(departure: Departure): void {
    if (this.#bytes === null) departure.whole(NOTHING);
    else this.#bytes.release(departure);
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
    super(headers, call, call.forRequests, 'HTTP-request-body-size');
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
  /** Sends the request: whole when its body is finished, else the head, and the body as it is written. */
  send(): Promise<EgressAnswer> {
    const { promise, resolve } = Promise.withResolvers<EgressAnswer>();
    const scheme = this.#scheme ?? { tag: 'HTTPS' };
    const head = {
      method: this.#method,
      scheme: scheme.tag === 'other' ? String(scheme.val) : scheme.tag.toLowerCase(),
      authority: this.#authority ?? '',
      path: this.#path ?? '/',
      headers: this.headers().toHeaders(),
    };
    this.release({
      whole: (body) => resolve(this.#call.egress({ ...head, body })),
      begin: (length, held) => {
        const { answer, body } = this.#call.beginEgress({ ...head, body: { length } }, held);
        resolve(answer);
        return body;
      },
      broken: () => resolve({ error: 'internal-error' }),
    });
    return promise;
  }
}

/** wasi:http/types outgoing-response. */
export class OutgoingResponse extends OutgoingMessage {
  #status = 200;
  constructor(call: GuestCall, headers: Fields) {
    super(headers, call, call.forAnswers, 'HTTP-response-body-size');
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

/** What can be sent as an answer. */
export type AnyResponse = Pick<OutgoingResponse, 'statusCode' | 'headers' | 'release'>;

/** An answer as the guest set it. */
export type Answer =
  | { readonly tag: 'response'; readonly response: AnyResponse }
  | { readonly tag: 'error'; readonly code: string };

/** wasi:http/types response-outparam: the place that a guest puts its answer in. */
export class ResponseOutparam {
  readonly #given: (answer: Answer) => void;
  /** `given` is told what the guest sets. */
  constructor(given: (answer: Answer) => void) {
    this.#given = given;
  }
  static set(_call: unknown, outparam: ResponseOutparam, answer: Result<AnyResponse, Variant>): void {
    outparam.#given(
      answer.tag === 'ok' ? { tag: 'response', response: answer.val } : { tag: 'error', code: answer.val.tag },
    );
  }
  sendInformational(): Result<undefined, Variant> {
    return err(makeErrorCode('HTTP-request-denied'));
  }
}
