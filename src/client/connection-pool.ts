/**
 * Attested connections to one origin: hands out an idle one, opens another up to a cap, and drops the spent ones.
 * A connection is appraised when it is opened and never replaced behind a caller's back.
 */
import { createChainCache } from '../attestation/snp/chain-cache.ts';
import { TransportError } from '../errors.ts';
import { isUnsent } from '../io/channel-client.ts';
import { type AttestedConnection, type ConnectionDemands, openAttestedConnection } from './connection.ts';

/** Connections per session, those that are being opened counted too: browsers use six per origin. */
const MAX_CONNECTIONS = 6;
/** Tries to find a connection that is still open when the server closes idle ones at that very moment. */
const MAX_TRIES = 3;

export interface ConnectionPool {
  /** Opens a new connection and keeps it for the next call. */
  open(): Promise<AttestedConnection>;
  /**
   * Runs `use` on an attested connection. Runs it again on another one if nothing of it was sent or carried out, or, when it is repeatable, if
   * the connection ended before an answer came. [RFC 9110 9.2.2] Waits for a connection no longer than `signal` says; `use` minds it itself.
   */
  withConnection<T>(
    use: (connection: AttestedConnection) => Promise<T>,
    repeatable: boolean,
    signal: AbortSignal | null,
  ): Promise<T>;
  /** Ends all connections, also those that are being opened; the pool is not for use afterwards. */
  close(): Promise<void>;
}

/** Waits for a value or for the signal, whose reason is thrown then; what was waited for goes on and serves somebody else. */
async function untilAborted<T>(value: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return await value;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([value, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Starts an empty pool; nothing is dialled before the first use. */
export function openConnectionPool(demands: ConnectionDemands): ConnectionPool {
  // A worker's connections come with one chain; it is read once for all of them.
  const cache = createChainCache();
  let connections: AttestedConnection[] = [];
  /** Those whose worker said that its policies have changed; it ends them. */
  const outdated = new Set<AttestedConnection>();
  const opening = new Set<Promise<AttestedConnection>>();
  let closed = false;

  async function dial(): Promise<AttestedConnection> {
    const connection = closed ? null : await openAttestedConnection(demands, cache);
    if (connection !== null && !closed) {
      connections.push(connection);
      return connection;
    }
    await connection?.client.close();
    throw new TransportError('ERR_TRANSPORT_CLOSED', 'the session was closed');
  }

  async function open(): Promise<AttestedConnection> {
    const dialled = dial();
    opening.add(dialled);
    try {
      return await dialled;
    } finally {
      opening.delete(dialled);
    }
  }

  async function pick(): Promise<AttestedConnection> {
    for (;;) {
      connections = connections.filter((c) => !c.client.closed && !outdated.has(c));
      const [least] = connections.toSorted((a, b) => a.client.pending - b.client.pending);
      const full = connections.length + opening.size >= MAX_CONNECTIONS;
      if (least !== undefined && (least.client.pending === 0 || full)) return least;
      if (!full) return await open();
      await Promise.race(opening);
    }
  }

  return {
    open,
    async withConnection(use, repeatable, signal) {
      for (let left = MAX_TRIES; ; left--) {
        signal?.throwIfAborted();
        const connection = await untilAborted(pick(), signal);
        try {
          return await use(connection);
        } catch (error) {
          const code = error instanceof TransportError ? error.code : null;
          const isUndone = isUnsent(error) || code === 'ERR_TRANSPORT_OUTDATED';
          if (left <= 1 || !(isUndone || (repeatable && code === 'ERR_TRANSPORT_CLOSED'))) throw error;
          // What it was appraised for is no longer so: the next connection is appraised anew. Answers that are under way on it may end.
          if (code === 'ERR_TRANSPORT_OUTDATED') outdated.add(connection);
        }
      }
    },
    async close() {
      closed = true;
      await Promise.all([...connections, ...outdated].map((c) => c.client.close()));
      connections = [];
    },
  };
}
