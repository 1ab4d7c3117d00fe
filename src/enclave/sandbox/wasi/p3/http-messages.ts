/** wasi:http/types request and response of WASI 0.3: a head that its maker sets, and contents that are given away once. [WASI 0.3.0 wasi:http/types] */
import type { FutureReader, GivenFuture, StreamReader } from '../../component/async/host-end.ts';
import type { HeaderField } from '../../sandbox.ts';
import { Fields as Fields2 } from '../http-fields.ts';
import { makeMethod } from '../http-messages.ts';
import { DONE, err, type Result, type Variant } from '../result.ts';
import { type Consumed, type Contents, GuestContents } from './http-contents.ts';
import { Fields, type RequestOptions } from './http-fields.ts';

type Set = Result<undefined, undefined>;
const INVALID: Set = err(undefined);

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]{0,31}$/;
/** What no path may hold; anything that is not ASCII is encoded when it is sent. [RFC 3986 3.3] */
const NOT_IN_PATH = /[\0-\x20\x7f<>"`{}|\\^#[\]]/;
const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%:-]*@)?(?:\[[\dA-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::(\d{1,5}))?$/;
const PORTS = 65_536;

/** What requests and responses have in common. */
abstract class Message {
  readonly #headers: Fields2;
  #contents: Contents | null;
  constructor(headers: Fields2, contents: Contents) {
    this.#headers = headers;
    this.#contents = contents;
  }
  [Symbol.dispose](): void {
    this.takeContents()?.drop();
  }
  getHeaders(): Fields {
    return new Fields(null, this.#headers.frozen());
  }
  /** The headers for the wire. */
  toHeaders(): HeaderField[] {
    return this.#headers.toHeaders();
  }
  /** The size that the headers declare, null for none or one that is no number. */
  declaredSize(): number | null {
    const [value] = this.#headers.get('content-length');
    const text = value === undefined ? '' : Buffer.from(value).toString();
    return /^\d{1,15}$/.test(text) ? Number(text) : null;
  }
  /** Gives the contents, once. */
  takeContents(): Contents | null {
    const contents = this.#contents;
    this.#contents = null;
    return contents;
  }
}

function consume(message: Message, told: FutureReader): Consumed {
  const contents = message.takeContents();
  if (contents === null) throw new TypeError('a message without contents');
  return contents.consume(told);
}

/** Where a request goes, and how. */
export interface RequestHead {
  method: string;
  scheme: Variant | undefined;
  authority: string | undefined;
  path: string | undefined;
}

/** wasi:http/types request. */
export class Request extends Message {
  readonly head: RequestHead;
  readonly #options: RequestOptions | undefined;
  constructor(head: RequestHead, headers: Fields2, contents: Contents, options: RequestOptions | undefined) {
    super(headers, contents);
    this.head = head;
    this.#options = options;
  }
  static new(
    _call: unknown,
    headers: Fields,
    body: StreamReader | undefined,
    trailers: FutureReader,
    options: RequestOptions | undefined,
  ): readonly [Request, GivenFuture] {
    const contents = new GuestContents(body, trailers, 'HTTP-request-body-size');
    const head = { method: 'GET', scheme: undefined, authority: undefined, path: undefined };
    return [new Request(head, headers.inner.frozen(), contents, options?.frozen()), contents.sent];
  }
  static consumeBody(_call: unknown, request: Request, told: FutureReader): Consumed {
    return consume(request, told);
  }
  getMethod(): Variant {
    return makeMethod(this.head.method);
  }
  setMethod(method: Variant): Set {
    const name = method.tag === 'other' ? String(method.val) : method.tag.toUpperCase();
    if (!METHOD.test(name)) return INVALID;
    this.head.method = name;
    return DONE;
  }
  getPathWithQuery(): string | undefined {
    return this.head.path;
  }
  setPathWithQuery(path: string | undefined): Set {
    if (path !== undefined && NOT_IN_PATH.test(path)) return INVALID;
    this.head.path = path === '' ? '/' : path;
    return DONE;
  }
  getScheme(): Variant | undefined {
    return this.head.scheme;
  }
  setScheme(scheme: Variant | undefined): Set {
    const name = typeof scheme?.val === 'string' ? scheme.val : '';
    if (scheme?.tag === 'other' && !SCHEME.test(name)) return INVALID;
    this.head.scheme = name === 'http' || name === 'https' ? { tag: name.toUpperCase() } : scheme;
    return DONE;
  }
  getAuthority(): string | undefined {
    return this.head.authority;
  }
  setAuthority(authority: string | undefined): Set {
    const found = authority === undefined ? undefined : AUTHORITY.exec(authority);
    if (found === null || Number(found?.[1] ?? 0) >= PORTS) return INVALID;
    this.head.authority = authority;
    return DONE;
  }
  getOptions(): RequestOptions | undefined {
    return this.#options?.frozen();
  }
}

/** wasi:http/types response. */
export class Response extends Message {
  #status: number;
  constructor(status: number, headers: Fields2, contents: Contents) {
    super(headers, contents);
    this.#status = status;
  }
  static new(
    _call: unknown,
    headers: Fields,
    body: StreamReader | undefined,
    trailers: FutureReader,
  ): readonly [Response, GivenFuture] {
    const contents = new GuestContents(body, trailers, 'HTTP-response-body-size');
    return [new Response(200, headers.inner.frozen(), contents), contents.sent];
  }
  static consumeBody(_call: unknown, response: Response, told: FutureReader): Consumed {
    return consume(response, told);
  }
  getStatusCode(): number {
    return this.#status;
  }
  setStatusCode(status: number): Set {
    if (status < 100 || status > 599) return INVALID;
    this.#status = status;
    return DONE;
  }
}

/** Makes the headers of a message that the gate sends. */
export function receivedHeaders(headers: readonly HeaderField[]): Fields2 {
  return Fields2.received(headers);
}
