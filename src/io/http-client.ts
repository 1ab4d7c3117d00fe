/**
 * One HTTP request to one address that somebody else has checked, on a connection of its own that ends with it. Follows no redirect and repeats
 * nothing: whether to ask again is the asker's to decide. [RFC 9112]
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openByteCollector } from '../base/byte-collector.ts';
import {
  ConnectFailure,
  type ConnectFailureName,
  type Destination,
  type Dial,
  dialTcp,
  openConnector,
} from './http-connection.ts';
import { pairFields, type RawField } from './raw-fields.ts';
import { ReadableSource } from './readable-source.ts';

/** A body that is sent as it comes; `length` is what was declared beforehand. What its pieces throw ends the call. */
export interface OutgoingStream {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly length: number | null;
  /** Gives what follows the body, once its pieces have ended; a body with a declared length has nothing that follows. */
  readonly trailers: () => readonly RawField[];
}

/** Is told what comes in before anybody else sees it; false ends the call. */
export interface AnswerMeter {
  readonly onHead: (headers: HttpAnswer['headers']) => boolean;
  /** One piece of a body that is read whole; whoever has a streamed one counts for themselves. */
  readonly onPiece: (bytes: number) => boolean;
}

export interface HttpCall extends Destination {
  /** The Host header: `host[:port]` as it was asked for. */
  readonly authority: string;
  readonly method: string;
  /** Path with query string. */
  readonly path: string;
  readonly headers: readonly RawField[];
  readonly body: Uint8Array | OutgoingStream;
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  readonly meter: AnswerMeter | 'unmetered';
  /** For the connection with its handshake. */
  readonly connectTimeoutMs: number;
  /** For the whole call. */
  readonly deadlineMs: number;
  /** Ends the call early. */
  readonly ended: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly RawField[];
  readonly body: Uint8Array;
}

/** An answer whose body is still coming in; whoever has it reads or cancels it. It is not counted here. */
export interface StreamedHttpAnswer {
  readonly status: number;
  readonly headers: readonly RawField[];
  readonly body: { readonly source: ReadableSource; readonly length: number | null };
}

/** Why a call failed, in the words of wasi:http `error-code`. */
export type HttpFailure =
  | ConnectFailureName
  | 'HTTP-response-timeout'
  | 'HTTP-response-header-section-size'
  | 'HTTP-response-body-size'
  | 'HTTP-response-incomplete'
  | 'HTTP-protocol-error';

/** `sent` tells whether anything of the request may have left; `bytesIn` what came of the answer's body. */
export interface HttpCallFailure {
  readonly failure: HttpFailure;
  readonly sent: boolean;
  readonly bytesIn: number;
}

export interface HttpClient {
  /** Sends one request and reads its whole answer; never rejects. */
  send(call: HttpCall): Promise<HttpAnswer | HttpCallFailure>;
  /**
   * Sends one request, and reads an answer whole that says it has at most `wholeBytes`; the answer to a request that is sent as it comes is
   * given as it comes, because its sender may wait for one before it goes on with the other. Never rejects.
   */
  open(call: HttpCall, wholeBytes: number): Promise<HttpAnswer | StreamedHttpAnswer | HttpCallFailure>;
}

function failureOf(error: unknown, sent: boolean, timedOut: boolean): HttpFailure {
  if (error instanceof ConnectFailure) return error.failure;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'HPE_HEADER_OVERFLOW') return 'HTTP-response-header-section-size';
  if (code?.startsWith('HPE_') === true) return 'HTTP-protocol-error';
  if (timedOut) return sent ? 'HTTP-response-timeout' : 'connection-timeout';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'connection-terminated' : 'HTTP-protocol-error';
}

/** Gives the pieces of a body as long as they are what was declared, and puts what follows them behind them. */
async function* bodyOf(
  { pieces, length, trailers }: OutgoingStream,
  request: ClientRequest,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (length !== null && bytes > length) break;
    yield piece;
  }
  if (length !== null && bytes !== length) throw new TypeError('the body does not have the length that it declares');
  if (length === null) request.addTrailers(trailers().map(([name, value]): [string, string] => [name, value]));
}

async function writeBody(body: HttpCall['body'], request: ClientRequest): Promise<void> {
  if (body instanceof Uint8Array) return void request.end(body);
  // Its writer may wait for an answer to the head.
  request.flushHeaders();
  await pipeline(Readable.from(bodyOf(body, request), { objectMode: false }), request);
}

/** Methods that nobody expects a body of. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** Says how long the body is, or that its end will say so. [RFC 9112 6] */
function framingOf({ body, method }: HttpCall): readonly RawField[] {
  if (body.length === null) return [['transfer-encoding', 'chunked']];
  return body.length === 0 && WITHOUT_BODY.has(method) ? [] : [['content-length', String(body.length)]];
}

/** Sends a request, and gives the head of its answer as soon as that is there. */
function exchange(socket: Socket, call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { authority, method, path, maxHeadBytes } = call;
  const fields = [['host', authority], ...call.headers, ...framingOf(call), ['connection', 'close']];
  const request = httpRequest({
    createConnection: () => socket,
    method,
    path,
    headers: fields.flat(),
    maxHeaderSize: maxHeadBytes,
    signal,
  });
  request.once('response', resolve);
  // An error after the answer began is the answer's own.
  request.on('error', reject);
  writeBody(call.body, request).catch((error: unknown) => {
    reject(error);
    request.destroy();
  });
  return promise;
}

/** Gives the length that an answer has or declares; null where only its end tells. */
function lengthOf({ statusCode, headers }: IncomingMessage, method: string): number | null {
  if (method === 'HEAD' || statusCode === 204 || statusCode === 304) return 0;
  const declared = Number(headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(declared) ? declared : null;
}

/**
 * Opens a client that trusts the authorities shipped with Node, or only those of `roots` (PEM); nothing that the environment adds.
 * An empty list trusts no server. `dial` stands in for TCP in tests.
 */
export function openHttpClient(roots: 'system' | readonly string[], dial: Dial = dialTcp): HttpClient {
  const connect = openConnector(roots, dial);

  async function ask(call: HttpCall, wholeBytes: number): Promise<HttpAnswer | StreamedHttpAnswer | HttpCallFailure> {
    const deadline = AbortSignal.any([call.ended, AbortSignal.timeout(call.deadlineMs)]);
    let bytesIn = 0;
    if (deadline.aborted) return { failure: 'connection-terminated', sent: false, bytesIn };
    let socket: Socket;
    try {
      socket = await connect(call, AbortSignal.any([deadline, AbortSignal.timeout(call.connectTimeoutMs)]));
    } catch (error) {
      return { failure: failureOf(error, false, deadline.aborted), sent: false, bytesIn };
    }
    let isStreaming = false;
    try {
      const answer = await exchange(socket, call, deadline);
      const status = answer.statusCode ?? 0;
      const headers = pairFields(answer.rawHeaders);
      const meter = call.meter === 'unmetered' ? null : call.meter;
      if (meter?.onHead(headers) === false)
        return { failure: 'HTTP-response-header-section-size', sent: true, bytesIn };
      const length = lengthOf(answer, call.method);
      // One that says it is over the cap is read as a small one is, and so refused soon.
      const isOver = length !== null && length > call.maxBodyBytes;
      const maxWhole = call.body instanceof Uint8Array ? wholeBytes : 0;
      if (!isOver && (length ?? Number.MAX_SAFE_INTEGER) > maxWhole) {
        isStreaming = true;
        const source = new ReadableSource(answer, () => void socket.destroy());
        return { status, headers, body: { source, length } };
      }
      const body = openByteCollector(Math.min(call.maxBodyBytes, wholeBytes));
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytesIn += chunk.length;
        const passes = meter?.onPiece(chunk.length) !== false;
        if (!passes || !body.add(chunk)) return { failure: 'HTTP-response-body-size', sent: true, bytesIn };
      }
      return { status, headers, body: body.bytes() };
    } catch (error) {
      return { failure: failureOf(error, true, deadline.aborted), sent: true, bytesIn };
    } finally {
      if (!isStreaming) socket.destroy();
    }
  }

  return {
    send: (call) => ask(call, Number.MAX_SAFE_INTEGER) as Promise<HttpAnswer | HttpCallFailure>,
    open: ask,
  };
}
