/**
 * HTTP over one connection that is already open, and never over another: when it ends, this client is spent.
 * The door to undici. Judges nothing.
 */
import type { Socket } from 'node:net';
import { Client, type Dispatcher, errors, fetch, Request, type Response as UndiciResponse } from 'undici';
import { ConfigurationError, EnclaveError, TransportError } from '../errors.ts';

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
   * Sends one request; reading the answer's body fails with the same errors. When `signal` gives up, its own reason is thrown.
   * @throws TransportError ERR_TRANSPORT_CLOSED (`isUnsent` when nothing of it left), ERR_TRANSPORT_TIMEOUT
   * @throws ConfigurationError ERR_CONFIGURATION_USAGE for a request that cannot be made
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

/** Makes the error of a request that no connection could carry: trying again would not help. */
function refuseRequest(cause: Error): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', `the request cannot be made: ${cause.message}`, { cause });
}

/**
 * Lets one request go out once: asked by status 421 for another connection, undici would send it again by itself, and a request that has been
 * carried out would look as if it had never left. [RFC 9110 15.5.20]
 */
function sendOnce(client: Client): Dispatcher {
  let isSent = false;
  const dispatch: Dispatcher['dispatch'] = (options, handler) => {
    if (isSent) throw new TransportError('ERR_TRANSPORT_CLOSED', 'the answer asks for another connection (status 421)');
    isSent = true;
    return client.dispatch(options, handler);
  };
  return { dispatch } as Dispatcher;
}

function makeRequest({ url, method, headers, body, signal }: ChannelRequest, dispatcher: Dispatcher): Request {
  try {
    return new Request(url, {
      method,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
      redirect: 'manual',
      dispatcher,
      ...(body === null ? {} : { body: Uint8Array.from(body) }),
      ...(signal === null ? {} : { signal }),
    });
  } catch (error) {
    throw error instanceof Error ? refuseRequest(error) : error;
  }
}

function toTypedError(error: unknown): EnclaveError {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof EnclaveError) return e;
    if (e instanceof errors.InvalidArgumentError || e instanceof errors.NotSupportedError) return refuseRequest(e);
    if (e instanceof errors.HeadersTimeoutError || e instanceof errors.BodyTimeoutError)
      return new TransportError('ERR_TRANSPORT_TIMEOUT', 'no answer came in time', { cause: error });
  }
  const message = error instanceof Error && error.cause instanceof Error ? error.cause.message : 'the request failed';
  return new TransportError('ERR_TRANSPORT_CLOSED', `the connection failed: ${message}`, { cause: error });
}

/** Gives the same answer to the caller, whose body ends with an error of ours when the connection does. */
function toResponse(answer: UndiciResponse, toError: (error: unknown) => unknown): Response {
  const { status, statusText, url } = answer;
  const reader = answer.body?.getReader();
  const body =
    reader === undefined
      ? null
      : new ReadableStream<Uint8Array>({
          async pull(controller) {
            try {
              const { done, value } = await reader.read();
              if (done) controller.close();
              else controller.enqueue(value as Uint8Array);
            } catch (error) {
              controller.error(toError(error));
            }
          },
          cancel: (reason) => reader.cancel(reason),
        });
  const response = new Response(body, { status, statusText, headers: [...answer.headers] });
  return Object.defineProperty(response, 'url', { value: url });
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
    async fetch(request): Promise<Response> {
      const made = makeRequest(request, sendOnce(client));
      const toError = (error: unknown): unknown => (request.signal?.aborted === true ? error : toTypedError(error));
      try {
        return toResponse(await fetch(made), toError);
      } catch (error) {
        throw toError(error);
      }
    },
    async close(): Promise<void> {
      await client.destroy();
      socket.destroy();
    },
  };
}
