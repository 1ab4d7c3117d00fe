/** What lies outside of a call's own network, as its sockets ask for it. Whoever answers decides; whoever asks has no other way. */
import type { ByteSink, ByteSource } from '../wasi/byte-stream.ts';
import type { IpAddress, SocketAddress } from './address.ts';
import type { NetError } from './net-error.ts';

/** Both directions of a connection. */
export interface Connection {
  readonly source: ByteSource;
  readonly sink: ByteSink;
}

/** Never rejects: a refusal is an answer. */
export interface Outside {
  connect(remote: SocketAddress): Promise<Connection | NetError>;
  /** Gives at least one address, none of them an IPv4 address in an IPv6 one. */
  resolve(name: string): Promise<readonly IpAddress[] | NetError>;
}

/** No way out. */
export const NO_OUTSIDE: Outside = {
  connect: () => Promise.resolve('access-denied'),
  resolve: () => Promise.resolve('access-denied'),
};
