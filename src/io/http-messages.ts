/** A request that goes out and the answer that comes back, whichever version of HTTP carries them; and why there is none. */
import { ConnectFailure, type ConnectFailureName } from './http-connection.ts';
import type { RawField } from './raw-fields.ts';
import type { SourceStream } from './readable-source.ts';

/** A body that is sent as it comes; `length` is what was declared beforehand. What its pieces throw ends the call. */
export interface OutgoingStream {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly length: number | null;
  /** Gives what follows the body, once its pieces have ended; a body with a declared length has nothing that follows. */
  readonly trailers: () => readonly RawField[];
}

export interface HttpRequest {
  /** The Host header: `host[:port]` as it was asked for. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  readonly method: string;
  /** Path with query string. */
  readonly path: string;
  readonly headers: readonly RawField[];
  readonly body: Uint8Array | OutgoingStream;
  readonly maxHeadBytes: number;
}

/** An answer whose body is still coming in. */
export interface IncomingAnswer {
  readonly status: number;
  readonly headers: readonly RawField[];
  /** What it has or declares; null where only its end tells. */
  readonly length: number | null;
  readonly body: SourceStream;
}

/** One connection to one server, for one request at a time. */
export interface HttpCarrier {
  /** Whether it could carry a request now. */
  readonly isOpen: boolean;
  /** Sends a request, and gives the head of its answer as soon as that is there; rejects when none comes. `signal` gives up. */
  ask(request: HttpRequest, signal: AbortSignal): Promise<IncomingAnswer>;
  /** Tells, once the body of the answer has ended, whether nothing is left over on either side, so that another request may follow. */
  settle(): Promise<boolean>;
  /** Calls back, once, when the connection ends while nobody uses it, or the server says something that nobody asked for; gives what stops that. */
  watch(onBroken: () => void): () => void;
  destroy(): void;
}

/** What must not come before an answer more often than this: a server that only ever says that it will answer. [RFC 9110 15.2] */
export const MAX_INFORMATIONAL = 16;

/** Why a call failed, in the words of wasi:http `error-code`. */
export type HttpFailure =
  | ConnectFailureName
  | 'HTTP-response-timeout'
  | 'HTTP-response-header-section-size'
  | 'HTTP-response-body-size'
  | 'HTTP-response-incomplete'
  | 'HTTP-protocol-error';

/** A request that failed for a reason of ours, not of Node's. */
export class HttpError extends Error {
  readonly failure: HttpFailure;
  constructor(failure: HttpFailure) {
    super(failure);
    this.failure = failure;
  }
}

/** What Node calls a connection, or a stream on it, that has ended. */
const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** Says why a call failed. */
export function failureOf(error: unknown, sent: boolean, timedOut: boolean): HttpFailure {
  if (error instanceof ConnectFailure || error instanceof HttpError) return error.failure;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'HPE_HEADER_OVERFLOW') return 'HTTP-response-header-section-size';
  if (code?.startsWith('HPE_') === true) return 'HTTP-protocol-error';
  if (timedOut) return sent ? 'HTTP-response-timeout' : 'connection-timeout';
  return GONE.has(code ?? '') ? 'connection-terminated' : 'HTTP-protocol-error';
}

/** Gives the pieces of a body as long as they are what was declared. */
export async function* piecesAsDeclared({ pieces, length }: OutgoingStream): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (length !== null && bytes > length) break;
    yield piece;
  }
  if (length !== null && bytes !== length) throw new TypeError('the body does not have the length that it declares');
}

/** Methods that nobody expects a body of. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** Gives the length to declare, or null where there is nothing to say or only the end says it. [RFC 9110 8.6] */
export function declaredLength({ body, method }: HttpRequest): number | null {
  return body.length === 0 && WITHOUT_BODY.has(method) ? null : body.length;
}

/** Gives the length that an answer has or declares; null where only its end tells. [RFC 9112 6.3] */
export function lengthOfAnswer(status: number, method: string, contentLength: string | undefined): number | null {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  const declared = Number(contentLength ?? Number.NaN);
  return Number.isSafeInteger(declared) ? declared : null;
}
