/**
 * The network of one call. Loopback addresses lead to other sockets of the same call and nowhere else; everything else is asked of the
 * outside. No call sees a port of another.
 */
import { type AddressFamily, type IpAddress, isMapped, loopbackAddress, parseIp } from './address.ts';
import { parseHostName } from './host-name.ts';
import type { NetError } from './net-error.ts';
import type { Outside } from './outside.ts';
import { PortTable } from './port-table.ts';
import { SharedParts } from './shared-parts.ts';
import { TcpSocket } from './tcp-socket.ts';
import { UdpSocket } from './udp-socket.ts';

export class Network {
  readonly #parts: SharedParts;
  readonly #tcpPorts: PortTable<TcpSocket> = new PortTable();
  readonly #udpPorts: PortTable<UdpSocket> = new PortTable();

  constructor(outside: Outside) {
    this.#parts = new SharedParts(outside);
  }

  /** Makes a TCP socket. */
  openTcp(family: AddressFamily): TcpSocket | NetError {
    return this.#parts.sockets.take() ? new TcpSocket(this.#parts, this.#tcpPorts, family) : 'new-socket-limit';
  }

  /** Makes a UDP socket. */
  openUdp(family: AddressFamily): UdpSocket | NetError {
    return this.#parts.sockets.take() ? new UdpSocket(this.#parts, this.#udpPorts, family) : 'new-socket-limit';
  }

  /** Gives the addresses of a name; an address, in brackets or not, stands for itself, and `localhost` is the call. [RFC 6761 6.3] */
  async resolve(text: string): Promise<readonly IpAddress[] | NetError> {
    const literal = parseIp(text.replace(/^\[([0-9a-f:.]+)\]$/i, '$1'));
    if (literal !== null) return isMapped(literal) ? 'invalid-argument' : [literal];
    const name = parseHostName(text);
    if (name === null) return 'invalid-argument';
    if (name === 'localhost') return [loopbackAddress('ipv4'), loopbackAddress('ipv6')];
    return await this.#parts.outside.resolve(name);
  }
}
