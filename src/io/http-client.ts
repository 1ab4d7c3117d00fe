/**
 * One HTTP request to one address that somebody else has checked, on a connection of its own that ends with it. Verifies the TLS name and the
 * pins it is given; follows no redirect, resolves no name, and reads no environment. [RFC 9112, RFC 9525]
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { Client, errors } from 'undici';
import { openByteCollector } from '../base/byte-collector.ts';
import { type DigestText, formatDigest, sha256 } from '../base/digest.ts';
import { ReadableSource } from './readable-source.ts';

/** A body that is sent as it comes; `length` is what was declared beforehand. What its pieces throw ends the call. */
export interface OutgoingStream {
  readonly pieces: AsyncIterable<Uint8Array>;
  readonly length: number | null;
}

/** Is told what comes in before anybody else sees it; false ends the call. */
export interface AnswerMeter {
  readonly onHead: (headers: HttpAnswer['headers']) => boolean;
  /** One piece of a body that is read whole; whoever has a streamed one counts for themselves. */
  readonly onPiece: (bytes: number) => boolean;
}

export interface HttpCall {
  /** A literal address, without brackets. */
  readonly address: string;
  readonly port: number;
  /** The name that the certificate must have (a literal address without brackets, if that was asked for), and keys it must be one of. */
  readonly tls: { readonly name: string; readonly isAddress: boolean; readonly pins: readonly DigestText[] } | 'plain';
  /** `scheme://host[:port]` as it was asked for; makes the Host header. */
  readonly origin: string;
  readonly method: string;
  /** Path with query string. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
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
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** An answer whose body is still coming in; whoever has it reads or cancels it. It is not counted here. */
export interface StreamedHttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: { readonly source: ReadableSource; readonly length: number | null };
}

/** Why a call failed, in the words of wasi:http `error-code`. */
export type HttpFailure =
  | 'connection-refused'
  | 'connection-timeout'
  | 'connection-terminated'
  | 'TLS-certificate-error'
  | 'TLS-protocol-error'
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

/** Opens a TCP connection to a literal address. */
export type Dial = (address: string, port: number) => Socket;

export interface HttpClient {
  /** Sends one request and reads its whole answer; never rejects. */
  send(call: HttpCall): Promise<HttpAnswer | HttpCallFailure>;
  /** Sends one request, and reads an answer whole that says it has at most `wholeBytes`; never rejects. */
  open(call: HttpCall, wholeBytes: number): Promise<HttpAnswer | StreamedHttpAnswer | HttpCallFailure>;
}

/** Carries the reason of a failed connection through undici. */
class ConnectFailure extends Error {
  readonly failure: HttpFailure;
  constructor(failure: HttpFailure, cause?: unknown) {
    super(failure, { cause });
    this.failure = failure;
  }
}

const dialTcp: Dial = (address, port) =>
  connectTcp({
    host: address,
    port,
    noDelay: true,
    // An address needs no look-up, so whatever asks for one is not an address.
    lookup: (name, _options, callback) => callback(new Error(`${name} is not an address`), '', 4),
  });

async function openTcp(dial: Dial, call: HttpCall, signal: AbortSignal): Promise<Socket> {
  const socket = dial(call.address, call.port);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const onAbort = (): void => reject(new ConnectFailure('connection-timeout'));
  socket.once('connect', () => resolve(socket));
  socket.once('error', (cause) => reject(new ConnectFailure('connection-refused', cause)));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const TLS_CERTIFICATE_CODES =
  /^(?:ERR_TLS_CERT_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|OUT_OF_MEM)/;

async function openTls(
  tcp: Socket,
  tls: Exclude<HttpCall['tls'], 'plain'>,
  secureContext: SecureContext,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = connectTls({
    socket: tcp,
    secureContext,
    // A server name is a DNS name, never an address. [RFC 6066 3]
    ...(tls.isAddress ? { host: tls.name } : { servername: tls.name }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.name, certificate),
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const onAbort = (): void => reject(new ConnectFailure('connection-timeout'));
  socket.once('secureConnect', () => resolve(socket));
  socket.once('close', () => reject(new ConnectFailure('connection-terminated')));
  socket.once('error', (cause: NodeJS.ErrnoException) => {
    const isCertificate = TLS_CERTIFICATE_CODES.test(cause.code ?? '');
    const isReset = cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
    const failure = isCertificate ? 'TLS-certificate-error' : isReset ? 'connection-terminated' : 'TLS-protocol-error';
    reject(new ConnectFailure(failure, cause));
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
    const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
    const key = spki === undefined ? null : formatDigest(sha256(spki));
    if (!socket.authorized || tls.pins.some((pin) => pin !== key)) throw new ConnectFailure('TLS-certificate-error');
    return socket;
  } catch (error) {
    socket.destroy();
    tcp.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function failureOf(error: unknown, sent: boolean, timedOut: boolean): HttpFailure {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof ConnectFailure) return e.failure;
    if (e instanceof errors.HeadersOverflowError) return 'HTTP-response-header-section-size';
    if (e instanceof errors.HTTPParserError) return 'HTTP-protocol-error';
  }
  if (timedOut) return sent ? 'HTTP-response-timeout' : 'connection-timeout';
  return error instanceof errors.SocketError ? 'connection-terminated' : 'HTTP-protocol-error';
}

/** Pairs the raw names and values of an answer; names in lower case, order and repetition kept. */
function pairs(raw: readonly string[]): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  return fields;
}

/**
 * Opens a client that trusts the authorities shipped with Node, or only those of `roots` (PEM); nothing that the environment adds.
 * An empty list trusts no server. `dial` stands in for TCP in tests.
 */
export function openHttpClient(roots: 'system' | readonly string[], dial: Dial = dialTcp): HttpClient {
  const secureContext = createSecureContext({
    ca: roots === 'system' ? [...rootCertificates] : [...roots],
    minVersion: 'TLSv1.2',
  });

  async function open(call: HttpCall, deadline: AbortSignal): Promise<Socket> {
    const signal = AbortSignal.any([deadline, AbortSignal.timeout(call.connectTimeoutMs)]);
    const tcp = await openTcp(dial, call, signal);
    tcp.on('error', () => {});
    return call.tls === 'plain' ? tcp : await openTls(tcp, call.tls, secureContext, signal);
  }

  async function ask(call: HttpCall, wholeBytes: number): Promise<HttpAnswer | StreamedHttpAnswer | HttpCallFailure> {
    const deadline = AbortSignal.any([call.ended, AbortSignal.timeout(call.deadlineMs)]);
    let bytesIn = 0;
    if (deadline.aborted) return { failure: 'connection-terminated', sent: false, bytesIn };
    let socket: Socket;
    try {
      socket = await open(call, deadline);
    } catch (error) {
      return { failure: failureOf(error, false, deadline.aborted), sent: false, bytesIn };
    }
    let given = false;
    const client = new Client(call.origin, {
      pipelining: 1,
      maxHeaderSize: call.maxHeadBytes,
      headersTimeout: call.deadlineMs,
      bodyTimeout: call.deadlineMs,
      connect: (_options, callback) => {
        // Asked twice means that the connection is gone: a repeated request is the function's to decide.
        const again = given;
        given = true;
        // undici is still inside its own loop here and would not look at the queue again.
        queueMicrotask(() => {
          if (again) callback(new ConnectFailure('connection-terminated'), null);
          else callback(null, socket);
        });
      },
    });
    const close = async (): Promise<void> => {
      await client.destroy().catch(() => {});
      socket.destroy();
    };
    let isStreaming = false;
    try {
      const { body: sent } = call;
      const isStream = !(sent instanceof Uint8Array);
      const length: [string, string][] =
        isStream && sent.length !== null ? [['content-length', String(sent.length)]] : [];
      const answer = await client.request({
        method: call.method,
        path: call.path,
        headers: [...call.headers, ...length].flatMap(([name, value]) => [name, value]),
        body: isStream ? Readable.from(sent.pieces, { objectMode: false }) : sent.length === 0 ? null : sent,
        responseHeaders: 'raw',
        signal: deadline,
      });
      // `raw` makes this a flat list, which the types of undici do not say.
      const headers = pairs(answer.headers as unknown as readonly string[]);
      const status = answer.statusCode;
      const meter = call.meter === 'unmetered' ? null : call.meter;
      if (meter?.onHead(headers) === false)
        return { failure: 'HTTP-response-header-section-size', sent: true, bytesIn };
      const declared = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? Number.NaN);
      const hasBody = call.method !== 'HEAD' && status !== 204 && status !== 304;
      const answerLength = !hasBody ? 0 : Number.isSafeInteger(declared) ? declared : null;
      // One that says it is over the cap is read as a small one is, and so refused soon.
      const isOver = answerLength !== null && answerLength > call.maxBodyBytes;
      if (!isOver && (answerLength ?? Number.MAX_SAFE_INTEGER) > wholeBytes) {
        isStreaming = true;
        const source = new ReadableSource(answer.body, () => void close());
        return { status, headers, body: { source, length: answerLength } };
      }
      const body = openByteCollector(Math.min(call.maxBodyBytes, wholeBytes));
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        bytesIn += chunk.length;
        const passes = meter?.onPiece(chunk.length) !== false;
        if (!passes || !body.add(chunk)) return { failure: 'HTTP-response-body-size', sent: true, bytesIn };
      }
      return { status, headers, body: body.bytes() };
    } catch (error) {
      return { failure: failureOf(error, true, deadline.aborted), sent: true, bytesIn };
    } finally {
      if (!isStreaming) await close();
    }
  }

  return {
    send: (call) => ask(call, Number.MAX_SAFE_INTEGER) as Promise<HttpAnswer | HttpCallFailure>,
    open: ask,
  };
}
