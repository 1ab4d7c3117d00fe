/**
 * wasi:sockets of WASI 0.2: sockets reach each other inside their call, and beyond it what the gate lets through; a refusal is an error code,
 * never a trap. [WASI 0.2.12 wasi:sockets]
 */
import type { IpAddress } from '../net/address.ts';
import type { NetError } from '../net/net-error.ts';
import type { GuestCall } from './call.ts';
import { Pollable } from './io.ts';
import { err, makeEmptyResource, ok, type Result } from './result.ts';
import { type SocketError, type WitIp, writeIp } from './socket-values.ts';
import { createTcpSocket, TcpSocket } from './sockets-tcp.ts';
import { createUdpSocket, IncomingDatagramStream, OutgoingDatagramStream, UdpSocket } from './sockets-udp.ts';

/** There is one network in a call, and nothing to say of it. */
const Network = makeEmptyResource();

/** wasi:sockets/ip-name-lookup resolve-address-stream. */
class ResolveAddressStream {
  readonly #answered: Promise<void>;
  #answer: readonly IpAddress[] | NetError | null = null;
  #given = 0;
  constructor(answer: Promise<readonly IpAddress[] | NetError>) {
    this.#answered = this.#keep(answer);
  }
  async #keep(answer: Promise<readonly IpAddress[] | NetError>): Promise<void> {
    this.#answer = await answer;
  }
  resolveNextAddress(): Result<WitIp | undefined, SocketError> {
    if (this.#answer === null) return err('would-block');
    if (typeof this.#answer === 'string') return err(this.#answer);
    const address = this.#answer[this.#given];
    this.#given += 1;
    return ok(address === undefined ? undefined : writeIp(address));
  }
  subscribe(): Pollable {
    return new Pollable(
      () => this.#answer !== null,
      () => this.#answered,
    );
  }
}

function resolveAddresses(call: GuestCall, _network: unknown, name: string): Result<ResolveAddressStream, SocketError> {
  return ok(new ResolveAddressStream(call.network.resolve(name)));
}

/** The interfaces of wasi:sockets, the same for every call. */
export const SOCKETS: Readonly<Record<string, unknown>> = {
  'wasi:sockets/network': { Network, networkErrorCode: () => undefined },
  'wasi:sockets/instance-network': { instanceNetwork: () => new Network() },
  'wasi:sockets/tcp': { TcpSocket },
  'wasi:sockets/tcp-create-socket': { createTcpSocket },
  'wasi:sockets/udp': { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
  'wasi:sockets/udp-create-socket': { createUdpSocket },
  'wasi:sockets/ip-name-lookup': { ResolveAddressStream, resolveAddresses },
};
