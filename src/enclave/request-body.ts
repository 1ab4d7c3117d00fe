/** The body of a query as it comes from the network: whole where it is small or has to be, else as far as somebody takes it. [RFC 9112 6] */
import type { IncomingMessage } from 'node:http';
import { openByteCollector } from '../base/byte-collector.ts';
import { LIMITS } from '../base/limits.ts';
import { PolicyError, TransportError } from '../errors.ts';
import { ReadableSource } from '../io/readable-source.ts';
import type { Body } from './sandbox/body.ts';

const overCap = (maxBytes: number): PolicyError =>
  new PolicyError('ERR_POLICY_REQUEST', `the body is over the cap of ${maxBytes} bytes`);

/**
 * Reads a body up to a cap.
 * @throws PolicyError ERR_POLICY_REQUEST when it is over the cap; TransportError ERR_TRANSPORT_CLOSED when its end does not come
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const body = openByteCollector(maxBytes);
  const onData = (chunk: Buffer): void => {
    if (body.add(chunk)) return;
    // What is left runs into nothing until the answer ends the connection.
    request.off('data', onData);
    reject(overCap(maxBytes));
  };
  let isComplete = false;
  const onClose = (cause?: unknown): void => {
    // Every request closes, and an error that nobody hears of would take longer to make than the body of most to read.
    if (isComplete) return;
    reject(new TransportError('ERR_TRANSPORT_CLOSED', 'the request ended before its body was complete', { cause }));
  };
  request.on('data', onData).once('end', () => {
    isComplete = true;
    resolve(body.bytes());
  });
  request.once('error', onClose).once('close', () => onClose());
  if (request.destroyed) onClose();
  return promise;
}

/**
 * Opens a body: whole when it fits into one window, else as it comes.
 * @throws PolicyError ERR_POLICY_REQUEST when the head says that it is over the cap; TransportError ERR_TRANSPORT_CLOSED as `readBody`
 */
export function openBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const declared = request.headers['content-length'];
  const isChunked = request.headers['transfer-encoding'] !== undefined;
  const length = isChunked ? null : Number(declared ?? 0);
  if (length === 0) return Promise.resolve(new Uint8Array(0));
  if (length !== null && length <= LIMITS.windowBytes) return readBody(request, Math.min(maxBytes, length));
  if (length !== null && length > maxBytes) return Promise.reject(overCap(maxBytes));
  return Promise.resolve({ source: new ReadableSource(request), length });
}
