/**
 * Attested connections to one origin: hands out an idle one, opens another up to a cap, and drops the spent ones.
 * A connection is appraised when it is opened and never replaced behind a caller's back.
 */
import { TransportError } from '../errors.ts';
import { isUnsent } from '../io/channel-client.ts';
import { type AttestedConnection, type ConnectionDemands, openAttestedConnection } from './connection.ts';

/** Connections per session: browsers use six per origin. */
const MAX_CONNECTIONS = 6;
/** Tries to find a connection that is still open when the server closes idle ones at that very moment. */
const MAX_TRIES = 3;

export interface ConnectionPool {
  /** Opens a new connection and keeps it for the next call. */
  open(): Promise<AttestedConnection>;
  /**
   * Runs `use` on an attested connection. Runs it again on another one if nothing of it was sent, or, when it is repeatable, if the
   * connection ended before an answer came. [RFC 9110 9.2.2]
   */
  withConnection<T>(use: (connection: AttestedConnection) => Promise<T>, repeatable: boolean): Promise<T>;
  close(): Promise<void>;
}

/** Starts an empty pool; nothing is dialled before the first use. */
export function openConnectionPool(demands: ConnectionDemands): ConnectionPool {
  let connections: AttestedConnection[] = [];
  let opening = 0;

  async function open(): Promise<AttestedConnection> {
    opening += 1;
    try {
      const connection = await openAttestedConnection(demands);
      connections.push(connection);
      return connection;
    } finally {
      opening -= 1;
    }
  }

  async function pick(): Promise<AttestedConnection> {
    connections = connections.filter((c) => !c.client.closed);
    const byLoad = connections.toSorted((a, b) => a.client.pending - b.client.pending);
    const [least] = byLoad;
    if (least !== undefined && (least.client.pending === 0 || connections.length + opening >= MAX_CONNECTIONS))
      return least;
    return await open();
  }

  return {
    open,
    async withConnection(use, repeatable) {
      for (let left = MAX_TRIES; ; left--) {
        const connection = await pick();
        try {
          return await use(connection);
        } catch (error) {
          const ended = error instanceof TransportError && error.code === 'ERR_TRANSPORT_CLOSED';
          if (left <= 1 || !(isUnsent(error) || (repeatable && ended))) throw error;
        }
      }
    },
    async close() {
      await Promise.all(connections.map((c) => c.client.close()));
      connections = [];
    },
  };
}
