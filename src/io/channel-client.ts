/**
 * HTTP over one connection that is already open, and never over another: when it ends, this client is spent.
 * The second door to undici (io/http-client.ts is the one for egress). Judges nothing.
 */
import type { Socket } from 'node:net';
import { Client, fetch, type RequestInit } from 'undici';
import { EnclaveError, TransportError } from '../errors.ts';

/** A plain request: header names are lower case, redirects are never followed. */
export interface ChannelRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  readonly signal: AbortSignal | null;
}

export interface ChannelClient {
  /** Number of requests under way. */
  readonly pending: number;
  readonly closed: boolean;
  /**
   * Sends one request.
   * @throws TransportError ERR_TRANSPORT_CLOSED (`unsent` when nothing of it left)
   */
  fetch(request: ChannelRequest): Promise<Response>;
  close(): Promise<void>;
}

/** Marks requests that never left because the connection was already spent: sending them on another one repeats nothing. */
class SpentConnection extends TransportError {
  constructor() {
    super('ERR_TRANSPORT_CLOSED', 'the connection ended');
  }
}

/** Tells whether a failed request never left, so that it may go out on another connection. */
export function isUnsent(error: unknown): boolean {
  return error instanceof SpentConnection;
}

function toTransportError(error: unknown): unknown {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof EnclaveError) return e;
    if (e.name === 'AbortError' || e.name === 'TimeoutError') return error;
  }
  const message = error instanceof Error && error.cause instanceof Error ? error.cause.message : 'the request failed';
  return new TransportError('ERR_TRANSPORT_CLOSED', `the connection failed: ${message}`, { cause: error });
}

/** Takes over an open socket to `origin`; no other socket is ever opened. */
export function openChannelClient(origin: URL, socket: Socket, requestTimeoutMs: number): ChannelClient {
  let given = false;
  let closed = socket.destroyed;
  socket.once('close', () => {
    closed = true;
  });
  const client = new Client(origin.origin, {
    pipelining: 1,
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    connect: (_options, callback) => {
      if (given || socket.destroyed) {
        closed = true;
        queueMicrotask(() => callback(new SpentConnection(), null));
      } else {
        given = true;
        // undici is still inside its own loop here and would not look at the queue again.
        queueMicrotask(() => callback(null, socket));
      }
    },
  });
  return {
    get pending(): number {
      return client.stats.size;
    },
    get closed(): boolean {
      return closed || client.closed || client.destroyed;
    },
    async fetch({ url, method, headers, body, signal }): Promise<Response> {
      const init: RequestInit = {
        method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        redirect: 'manual',
        dispatcher: client,
        ...(body === null ? {} : { body: Uint8Array.from(body) }),
        ...(signal === null ? {} : { signal }),
      };
      try {
        return await fetch(url, init);
      } catch (error) {
        throw toTransportError(error);
      }
    },
    async close(): Promise<void> {
      await client.destroy();
      socket.destroy();
    },
  };
}
