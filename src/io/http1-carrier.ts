/**
 * HTTP/1.1 on one connection. Node's parser is the strict one: what could be read in two ways (two lengths, a length beside chunks, folded
 * lines, bare line ends) is an error. Whether another request may follow is decided by what is left, never by what was promised. [RFC 9112]
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
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

/** Taken without an import, which would read each of its exports, and one of them loads a second HTTP client with everything that belongs to it. */
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** Gives a body as it is sent, and puts what follows it behind it. */
async function* bodyOf(body: OutgoingStream, request: ClientRequest): AsyncGenerator<Uint8Array> {
  yield* piecesAsDeclared(body);
  if (body.length === null)
    request.addTrailers(body.trailers().map(([name, value]): [string, string] => [name, value]));
}

async function writeBody(body: HttpRequest['body'], request: ClientRequest): Promise<void> {
  if (body instanceof Uint8Array) return void request.end(body);
  // Its writer may wait for an answer to the head.
  request.flushHeaders();
  await pipeline(Readable.from(bodyOf(body, request), { objectMode: false }), request);
}

/** Says how long the body is, or that its end will say so. [RFC 9112 6] */
function framingOf(request: HttpRequest): readonly RawField[] {
  if (request.body.length === null) return [['transfer-encoding', 'chunked']];
  const length = declaredLength(request);
  return length === null ? [] : [['content-length', String(length)]];
}

/** Takes over a connection; `keeps` says whether the server is asked to keep it open. */
export function openHttp1Carrier(socket: Socket, keeps: boolean): HttpCarrier {
  let request: ClientRequest | null = null;
  let answer: IncomingMessage | null = null;
  // Said by Node when its parser has let go of the connection.
  let isFree = true;

  return {
    get isOpen() {
      return isFree && !socket.destroyed && socket.writable;
    },
    async ask(asked, signal): Promise<IncomingAnswer> {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const { authority, method, path, headers, maxHeadBytes } = asked;
      const connection = keeps ? 'keep-alive' : 'close';
      const fields = [['host', authority], ...headers, ...framingOf(asked), ['connection', connection]];
      isFree = false;
      answer = null;
      const sent = httpRequest({
        createConnection: () => socket,
        method,
        path,
        headers: fields.flat(),
        maxHeaderSize: maxHeadBytes,
        insecureHTTPParser: false,
        signal,
      });
      // Without an agent Node ends the connection after one answer, whatever the head says.
      sent.shouldKeepAlive = keeps;
      request = sent;
      socket.once('free', () => {
        isFree = true;
      });
      const fail = (error: unknown): void => {
        reject(error);
        sent.destroy();
      };
      let informational = 0;
      sent.on('information', () => {
        informational += 1;
        if (informational > MAX_INFORMATIONAL) fail(new HttpError('HTTP-protocol-error'));
      });
      // Nobody asked for another protocol.
      sent.once('upgrade', () => fail(new HttpError('HTTP-protocol-error')));
      sent.once('response', (message) => {
        answer = message;
        // With a listener the error stays with the answer until somebody reads it.
        message.on('error', () => undefined);
        resolve(message);
      });
      sent.on('error', (error) => {
        reject(error);
        // An error after the answer began is the answer's own; without this it would only seem to have ended.
        answer?.destroy(error);
      });
      writeBody(asked.body, sent).catch(fail);
      const message = await promise;
      const status = message.statusCode ?? 0;
      return {
        status,
        headers: pairFields(message.rawHeaders),
        length: lengthOfAnswer(status, method, message.headers['content-length']),
        body: message,
      };
    },
    async settle() {
      if (!keeps || request === null || answer?.complete !== true || answer.httpVersion !== '1.1') return false;
      // An answer that ended before its request leaves the rest of the request to be read as the next one.
      if (!request.writableFinished) return false;
      await setImmediate();
      return isFree && !socket.destroyed && socket.writable && socket.readableLength === 0;
    },
    watch(onBroken) {
      const events = ['data', 'end', 'close', 'error'] as const;
      const stop = (): void => {
        for (const event of events) socket.off(event, broken);
        socket.ref();
      };
      const broken = (): void => {
        stop();
        onBroken();
      };
      for (const event of events) socket.on(event, broken);
      socket.unref();
      return stop;
    },
    destroy: () => void socket.destroy(),
  };
}
