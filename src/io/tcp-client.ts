/** Opens a TCP connection to one address that somebody else has checked. Resolves no name, reads no environment, and judges nothing. */
import { connect, type Socket } from 'node:net';

/** Opens a connection to a literal address. */
export type Dial = (address: string, port: number) => Socket;

/** Why there is no connection, as wasi:sockets names it. */
export type TcpFailure = 'connection-refused' | 'connection-reset' | 'remote-unreachable' | 'timeout';

export interface TcpClient {
  /** Connects within `timeoutMs`, or until `ended`; never rejects. Each direction of the socket ends by itself. */
  connect(
    to: { readonly address: string; readonly port: number },
    terms: { readonly timeoutMs: number; readonly ended: AbortSignal },
  ): Promise<Socket | TcpFailure>;
}

const dialTcp: Dial = (address, port) =>
  connect({
    host: address,
    port,
    noDelay: true,
    allowHalfOpen: true,
    // An address needs no look-up, so whatever asks for one is not an address.
    lookup: (name, _options, callback) => callback(new Error(`${name} is not an address`), '', 4),
  });

function failureOf({ code }: NodeJS.ErrnoException): TcpFailure {
  if (code === 'ECONNREFUSED') return 'connection-refused';
  if (code === 'ETIMEDOUT') return 'timeout';
  return code === 'ECONNRESET' ? 'connection-reset' : 'remote-unreachable';
}

/** Opens a client; `dial` stands in for TCP in tests. */
export function openTcpClient(dial: Dial = dialTcp): TcpClient {
  return {
    async connect({ address, port }, { timeoutMs, ended }) {
      if (ended.aborted) return 'timeout';
      const socket = dial(address, port);
      const { promise, resolve } = Promise.withResolvers<Socket | TcpFailure>();
      const onAbort = (): void => resolve('timeout');
      const onError = (error: NodeJS.ErrnoException): void => resolve(failureOf(error));
      const timer = setTimeout(onAbort, timeoutMs);
      socket.once('connect', () => resolve(socket));
      socket.once('error', onError);
      ended.addEventListener('abort', onAbort, { once: true });
      const outcome = await promise;
      clearTimeout(timer);
      ended.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      if (typeof outcome !== 'string') return outcome;
      socket.on('error', () => undefined);
      socket.destroy();
      return outcome;
    },
  };
}
