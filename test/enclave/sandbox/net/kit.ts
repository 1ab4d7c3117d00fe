/** Addresses and sockets for the tests of a call's own network. */
import {
  type AddressFamily,
  type IpAddress,
  loopbackAddress,
  parseIp,
  type SocketAddress,
} from '../../../../src/enclave/sandbox/net/address.ts';
import type { NetError } from '../../../../src/enclave/sandbox/net/net-error.ts';
import type { Network } from '../../../../src/enclave/sandbox/net/network.ts';
import type { Connection } from '../../../../src/enclave/sandbox/net/outside.ts';
import type { TcpSocket } from '../../../../src/enclave/sandbox/net/tcp-socket.ts';

export const FAMILIES: readonly AddressFamily[] = ['ipv4', 'ipv6'];

/** Reads an address that is known to be one. */
export function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

/** Makes an address with a port. */
export function at(text: string, port: number): SocketAddress {
  return { ip: ip(text), port };
}

/** Makes the loopback address with a port. */
export function here(family: AddressFamily, port = 0): SocketAddress {
  return { ip: loopbackAddress(family), port };
}

/** Takes a value where there has to be one. */
export function good<T>(value: T | NetError | null): T {
  if (value === null) throw new Error('nothing');
  if (typeof value === 'string') throw new Error(value);
  return value;
}

/** Opens a socket that listens on a free loopback port. */
export function listen(network: Network, family: AddressFamily): { server: TcpSocket; address: SocketAddress } {
  const server = good(network.openTcp(family));
  server.bind(here(family));
  server.listen();
  return { server, address: good(server.localAddress()) };
}

/** Takes both ends of a socket. */
export function endsOf(socket: TcpSocket): Connection {
  return { source: good(socket.takeSource()), sink: good(socket.takeSink()) };
}
