/**
 * HTTP/2 on one connection, one request at a time: no push, and caps on what a server may make this side hold or do before and beside an
 * answer. What a server must not send ends the connection. [RFC 9113]
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import {
  declaredLength,
  type HttpCarrier,
  HttpError,
  type HttpRequest,
  type IncomingAnswer,
  lengthOfAnswer,
  MAX_INFORMATIONAL,
  type OutgoingStream,
  piecesAsDeclared,
} from './http-messages.ts';
import { pairFields, type RawField } from './raw-fields.ts';

/** What one answer may have on its way, and the connection with it. */
const WINDOW_BYTES = 256 * 1024;
/** What a server may make this side do; the last two are of clients, too, though Node's types have them only for servers. */
const CAPS: ClientSessionOptions & { maxSessionInvalidFrames: number; maxSessionRejectedStreams: number } = {
  // Fields of one head, `:status` with them.
  maxHeaderListPairs: 128,
  maxReservedRemoteStreams: 0,
  // What Node holds for one connection, in MiB.
  maxSessionMemory: 2,
  maxSettings: 16,
  maxOutstandingPings: 1,
  strictFieldWhitespaceValidation: true,
  maxSessionInvalidFrames: 1,
  maxSessionRejectedStreams: 1,
};

/** What Node adds to its types and gives to its listeners. */
type Heads = (headers: IncomingHttpHeaders, flags: number, raw: readonly string[]) => void;

function openSession(socket: TLSSocket, maxHeadBytes: number): ClientHttp2Session {
  const session = connect('https://upstream.invalid', {
    createConnection: () => socket,
    settings: {
      enablePush: false,
      initialWindowSize: WINDOW_BYTES,
      maxConcurrentStreams: 0,
      maxHeaderListSize: maxHeadBytes,
    },
    ...CAPS,
  });
  session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
  session.on('error', () => session.destroy());
  // A connection that is going away carries what it has, and nothing more.
  session.on('goaway', () => session.close());
  return session;
}

/** Writes the head of a request; a name that stands several times has a list. */
function headOf(request: HttpRequest): OutgoingHttpHeaders {
  const { method, scheme, authority, path, headers } = request;
  const fields: Record<string, string[]> = Object.create(null);
  const length = declaredLength(request);
  const all: readonly RawField[] = length === null ? headers : [...headers, ['content-length', String(length)]];
  for (const [name, value] of all) (fields[name] ??= []).push(value);
  return { ...fields, ':method': method, ':scheme': scheme, ':authority': authority, ':path': path };
}

async function writeBody(body: Uint8Array | OutgoingStream, stream: ClientHttp2Stream): Promise<void> {
  if (body instanceof Uint8Array) return void (body.length === 0 ? stream.end() : stream.end(body));
  stream.once('wantTrailers', () => {
    const fields: Record<string, string[]> = Object.create(null);
    for (const [name, value] of body.trailers()) (fields[name] ??= []).push(value);
    stream.sendTrailers(fields);
  });
  await pipeline(Readable.from(piecesAsDeclared(body), { objectMode: false }), stream, { end: true });
}

/** Says what an error of a stream is about. */
function explain(error: NodeJS.ErrnoException, stream: ClientHttp2Stream): unknown {
  if (error.name === 'AbortError') return error;
  if (stream.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM) return new HttpError('HTTP-response-header-section-size');
  const isGone = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.rstCode === constants.NGHTTP2_CANCEL;
  if (isGone) return new HttpError('connection-terminated');
  return error.code?.startsWith('ERR_HTTP2_') === true ? new HttpError('HTTP-protocol-error') : error;
}

/** Takes over a connection on which the server chose HTTP/2. */
export function openHttp2Carrier(socket: TLSSocket, maxHeadBytes: number): HttpCarrier {
  const session = openSession(socket, maxHeadBytes);
  let current: ClientHttp2Stream | null = null;
  let isWritten = false;
  const isOpen = (): boolean => !session.closed && !session.destroyed && !socket.destroyed;

  return {
    get isOpen() {
      return isOpen();
    },
    async ask(asked, signal): Promise<IncomingAnswer> {
      const { promise, resolve, reject } = Promise.withResolvers<{ status: number; raw: readonly string[] }>();
      isWritten = false;
      const waitForTrailers = !(asked.body instanceof Uint8Array) && asked.body.length === null;
      const stream = session.request(headOf(asked), { endStream: false, waitForTrailers, signal });
      current = stream;
      const fail = (error: unknown): void => {
        reject(error);
        stream.destroy();
      };
      let informational = 0;
      stream.on('headers', () => {
        informational += 1;
        if (informational > MAX_INFORMATIONAL) fail(new HttpError('HTTP-protocol-error'));
      });
      const onResponse: Heads = (headers, _flags, raw) => {
        const status = Number(headers[':status']);
        const bytes = raw.reduce((sum, text) => sum + text.length, 0);
        if (bytes > asked.maxHeadBytes) fail(new HttpError('HTTP-response-header-section-size'));
        else resolve({ status, raw });
      };
      const onTrailers: Heads = (_headers, _flags, raw) => void Object.assign(stream, { rawTrailers: raw });
      stream.once('response', onResponse as () => void);
      stream.once('trailers', onTrailers as () => void);
      stream.once('error', (error) => reject(explain(error, stream)));
      // A stream that ends without an answer and without an error.
      stream.once('close', () => reject(new HttpError('connection-terminated')));
      const write = async (): Promise<void> => {
        await writeBody(asked.body, stream);
        isWritten = true;
      };
      write().catch(fail);
      const { status, raw } = await promise;
      const headers = pairFields(raw).filter(([name]) => !name.startsWith(':'));
      const contentLength = headers.find(([name]) => name === 'content-length')?.[1];
      return { status, headers, length: lengthOfAnswer(status, asked.method, contentLength), body: stream };
    },
    async settle() {
      const isWhole = current !== null && isWritten && current.readableEnded && current.rstCode === 0;
      return isWhole && isOpen();
    },
    watch(onBroken) {
      const stop = (): void => {
        session.off('close', broken);
        session.off('goaway', broken);
        if (!session.destroyed) session.ref();
      };
      const broken = (): void => {
        stop();
        onBroken();
      };
      session.on('close', broken);
      session.on('goaway', broken);
      session.unref();
      return stop;
    },
    destroy() {
      session.destroy();
      socket.destroy();
    },
  };
}
