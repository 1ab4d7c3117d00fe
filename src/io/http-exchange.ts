/**
 * One HTTP/1.1 request and answer on a raw socket, before anybody trusts it; the socket stays usable afterwards.
 * Accepts only what our own worker sends: a status line, headers, `content-length`; everything else is "not our worker". [RFC 9112]
 */
import type { Duplex } from 'node:stream';
import { LIMITS } from '../base/limits.ts';
import { TransportError } from '../errors.ts';

export interface ExchangeResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\t\x20-\x7e]*$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e]*)$/;

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
}

/** Reads a response head; null when it is not one we accept, or when the body would be over the cap. */
function parseHead(text: string, maxBodyBytes: number): Head | null {
  const [first, ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first ?? '');
  if (status === null) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const field = HEADER.exec(line);
    const name = field?.[1]?.toLowerCase();
    if (field === null || name === undefined || headers.has(name)) return null;
    headers.set(name, (field[2] ?? '').trim());
  }
  const length = headers.get('content-length');
  if (length === undefined || !/^\d{1,9}$/.test(length) || headers.has('transfer-encoding')) return null;
  const bodyBytes = Number(length);
  return bodyBytes > maxBodyBytes ? null : { status: Number(status[1]), headers, bodyBytes };
}

/**
 * Sends one POST and reads its answer; gives null when the answer is not plain HTTP/1.1 within the caps.
 * @throws TransportError ERR_TRANSPORT_CLOSED, ERR_TRANSPORT_TIMEOUT
 */
export async function postOnSocket(
  socket: Duplex,
  request: {
    readonly authority: string;
    readonly path: string;
    readonly contentType: string;
    readonly body: Uint8Array;
  },
  caps: { readonly maxBodyBytes: number; readonly timeoutMs: number },
): Promise<ExchangeResponse | null> {
  const head =
    `POST ${request.path} HTTP/1.1\r\nhost: ${request.authority}\r\ncontent-type: ${request.contentType}\r\n` +
    `content-length: ${request.body.length}\r\n\r\n`;
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  let parsed: Head | null = null;
  let bodyAt = 0;
  const { promise, resolve, reject } = Promise.withResolvers<ExchangeResponse | null>();
  const onReadable = (): void => {
    for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) {
      chunks.push(chunk);
      receivedBytes += chunk.length;
      if (receivedBytes > LIMITS.responseHeadBytes + caps.maxBodyBytes) return resolve(null);
    }
    if (parsed === null) {
      const received = Buffer.concat(chunks);
      const end = received.indexOf(HEAD_END);
      if (end < 0) {
        // The first bytes already tell another protocol, without waiting for its end.
        const start = received.subarray(0, 9).toString('latin1');
        if (received.length > LIMITS.responseHeadBytes || !'HTTP/1.1 '.startsWith(start)) resolve(null);
        return undefined;
      }
      parsed = parseHead(received.subarray(0, end).toString('latin1'), caps.maxBodyBytes);
      bodyAt = end + HEAD_END.length;
      if (parsed === null) return resolve(null);
    }
    const bodyEnd = bodyAt + parsed.bodyBytes;
    if (receivedBytes < bodyEnd) return undefined;
    // Bytes beyond the answer would be taken for the answer to the first application request.
    if (receivedBytes > bodyEnd) return resolve(null);
    return resolve({
      status: parsed.status,
      contentType: parsed.headers.get('content-type') ?? '',
      // Joined once, at the end: somebody who sends single bytes must not make the work grow with the square.
      body: Uint8Array.from(Buffer.concat(chunks).subarray(bodyAt, bodyEnd)),
    });
  };
  const onClose = (): void =>
    reject(new TransportError('ERR_TRANSPORT_CLOSED', 'the connection ended before the evidence came'));
  // Its `close` may have been emitted already, and would never come again.
  if (socket.destroyed || socket.readableEnded) onClose();
  const timer = setTimeout(() => {
    reject(new TransportError('ERR_TRANSPORT_TIMEOUT', `no evidence came within ${caps.timeoutMs} ms`));
  }, caps.timeoutMs);
  socket.on('readable', onReadable).once('close', onClose).once('end', onClose);
  socket.write(Buffer.concat([Buffer.from(head, 'latin1'), request.body]));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.removeListener('readable', onReadable).removeListener('close', onClose).removeListener('end', onClose);
  }
}
