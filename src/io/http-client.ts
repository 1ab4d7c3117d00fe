/**
 * One HTTP request to one address that somebody else has checked, over HTTP/2 where the server chooses it and HTTP/1.1 otherwise. Follows no
 * redirect. A connection serves again only for whoever names the same key, and a request is sent a second time only when it asks for something
 * that may be asked twice, and the connection it went out on was idle and had ended. [RFC 9110 9.2.2]
 */
import type { TLSSocket } from 'node:tls';
import { openByteCollector } from '../base/byte-collector.ts';
import { type Destination, type Dial, dialTcp, openConnector } from './http-connection.ts';
import {
  failureOf,
  type HttpCarrier,
  type HttpFailure,
  type HttpRequest,
  type IncomingAnswer,
} from './http-messages.ts';
import { openHttp1Carrier } from './http1-carrier.ts';
import { openHttp2Carrier } from './http2-carrier.ts';
import { IDLE_LIMITS, type IdleLimits, openIdleConnections } from './idle-connections.ts';
import type { RawField } from './raw-fields.ts';
import { ReadableSource } from './readable-source.ts';

/** Is told what comes in before anybody else sees it; false ends the call. */
export interface AnswerMeter {
  readonly onHead: (headers: readonly RawField[]) => boolean;
  /** One piece of a body that is read whole; whoever has a streamed one counts for themselves. */
  readonly onPiece: (bytes: number) => boolean;
}

export interface HttpCall extends Destination, Omit<HttpRequest, 'scheme'> {
  readonly maxBodyBytes: number;
  readonly meter: AnswerMeter | 'unmetered';
  /** Whose connections it may use and leave behind; two calls with different keys never share one. */
  readonly reuse: { readonly key: string } | 'never';
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
  /** Ends the connections that nobody uses. */
  close(): void;
}

/** Methods that change nothing, so that asking twice is asking once. [RFC 9110 9.2.1] */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What two calls must have in common to share a connection: who they are for, and everything that was checked when it was opened. */
function keyOf({ reuse, address, port, tls, maxHeadBytes }: HttpCall): string | null {
  if (reuse === 'never') return null;
  const checked = tls === 'plain' ? tls : [tls.name, tls.isAddress, tls.pins];
  // What a judge found was about one request.
  if (tls !== 'plain' && tls.vouchedBy !== 'authorities') return null;
  return JSON.stringify([reuse.key, address, port, checked, maxHeadBytes]);
}

/**
 * Opens a client that trusts the authorities shipped with Node, or only those of `roots` (PEM); nothing that the environment adds.
 * An empty list trusts no server. `dial` stands in for TCP in tests.
 */
export function openHttpClient(
  roots: 'system' | readonly string[],
  dial: Dial = dialTcp,
  idleLimits: IdleLimits = IDLE_LIMITS,
): HttpClient {
  const connect = openConnector(roots, dial);
  const idle = openIdleConnections(idleLimits);

  async function openCarrier(call: HttpCall, keeps: boolean, signal: AbortSignal): Promise<HttpCarrier> {
    const socket = await connect(call, signal);
    const isHttp2 = 'alpnProtocol' in socket && socket.alpnProtocol === 'h2';
    return isHttp2 ? openHttp2Carrier(socket as TLSSocket, call.maxHeadBytes) : openHttp1Carrier(socket, keeps);
  }

  /** Asks over a connection that is idle, where one may serve; null when there is none, or it had ended. */
  async function askIdle(
    call: HttpCall,
    request: HttpRequest,
    key: string | null,
    deadline: AbortSignal,
  ): Promise<{ carrier: HttpCarrier; answer: IncomingAnswer } | null> {
    const isRepeatable = SAFE_METHODS.has(call.method) && call.body instanceof Uint8Array;
    const carrier = key === null || !isRepeatable ? null : idle.take(key);
    if (carrier?.isOpen !== true) return null;
    try {
      return { carrier, answer: await carrier.ask(request, deadline) };
    } catch (error) {
      carrier.destroy();
      if (failureOf(error, true, deadline.aborted) !== 'connection-terminated') throw error;
      return null;
    }
  }

  async function ask(call: HttpCall, wholeBytes: number): Promise<HttpAnswer | StreamedHttpAnswer | HttpCallFailure> {
    const deadline = AbortSignal.any([call.ended, AbortSignal.timeout(call.deadlineMs)]);
    const key = keyOf(call);
    const request: HttpRequest = { ...call, scheme: call.tls === 'plain' ? 'http' : 'https' };
    let bytesIn = 0;
    let sent = false;
    let carrier: HttpCarrier | null = null;
    const fail = (failure: HttpFailure): HttpCallFailure => ({ failure, sent, bytesIn });
    const giveBack = async (used: HttpCarrier): Promise<void> => {
      if (key !== null && (await used.settle())) idle.put(key, used);
      else used.destroy();
    };
    if (deadline.aborted) return fail('connection-terminated');
    try {
      sent = true;
      const reused = await askIdle(call, request, key, deadline);
      sent = reused !== null;
      carrier = reused?.carrier ?? null;
      const connecting = AbortSignal.any([deadline, AbortSignal.timeout(call.connectTimeoutMs)]);
      carrier ??= await openCarrier(call, key !== null, connecting);
      sent = true;
      const { status, headers, length, body: stream } = reused?.answer ?? (await carrier.ask(request, deadline));
      const meter = call.meter === 'unmetered' ? null : call.meter;
      if (meter?.onHead(headers) === false) return fail('HTTP-response-header-section-size');
      // One that says it is over the cap is read as a small one is, and so refused soon.
      const isOver = length !== null && length > call.maxBodyBytes;
      const maxWhole = call.body instanceof Uint8Array ? wholeBytes : 0;
      if (!isOver && (length ?? Number.MAX_SAFE_INTEGER) > maxWhole) {
        const used = carrier;
        carrier = null;
        const source = new ReadableSource(stream, (how) => {
          if (how === 'ended') void giveBack(used);
          else used.destroy();
        });
        return { status, headers, body: { source, length } };
      }
      const body = openByteCollector(Math.min(call.maxBodyBytes, wholeBytes));
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        bytesIn += chunk.length;
        const passes = meter?.onPiece(chunk.length) !== false;
        if (!passes || !body.add(chunk)) return fail('HTTP-response-body-size');
      }
      const used = carrier;
      carrier = null;
      await giveBack(used);
      return { status, headers, body: body.bytes() };
    } catch (error) {
      return fail(failureOf(error, sent, deadline.aborted));
    } finally {
      carrier?.destroy();
    }
  }

  return {
    send: (call) => ask(call, Number.MAX_SAFE_INTEGER) as Promise<HttpAnswer | HttpCallFailure>,
    open: ask,
    close: () => idle.close(),
  };
}
