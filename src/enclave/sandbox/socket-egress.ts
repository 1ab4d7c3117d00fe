/** What the gate lets the sockets of one call do outside. Addresses are text; nobody rejects: a refusal is an answer. */
import type { NetError } from './net/net-error.ts';
import type { Connection } from './net/outside.ts';

/** Why something was not done, as wasi:sockets names it. */
export interface SocketFailure {
  readonly error: NetError;
}

export interface SocketEgress {
  /** Gives the addresses of a name, at least one. */
  resolve(name: string): Promise<readonly string[] | SocketFailure>;
  /** Connects to a literal address; whoever gets the connection reads and ends it, or breaks it off. */
  connect(address: string, port: number): Promise<Connection | SocketFailure>;
}

/** Opens the way out for the sockets of one call; `ended` ends all of it. */
export type OpenSocketEgress = (ended: AbortSignal) => SocketEgress;

/** Lets nothing out. */
export const NO_SOCKET_EGRESS: OpenSocketEgress = () => ({
  resolve: () => Promise.resolve({ error: 'access-denied' }),
  connect: () => Promise.resolve({ error: 'access-denied' }),
});
