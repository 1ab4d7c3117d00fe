/**
 * wasi:sockets, shut: whatever would make a socket or look up a name answers `access-denied`. No object of the resource classes ever exists, so
 * they need no methods. [WASI 0.2.12]
 */
import { err, makeEmptyResource, type Result } from './result.ts';

const Network = makeEmptyResource();
const TcpSocket = makeEmptyResource();
const UdpSocket = makeEmptyResource();
const IncomingDatagramStream = makeEmptyResource();
const OutgoingDatagramStream = makeEmptyResource();
const ResolveAddressStream = makeEmptyResource();

const deny = (): Result<never, string> => err('access-denied');

/** The interfaces of wasi:sockets, the same for every call. */
export const SOCKETS: Readonly<Record<string, unknown>> = {
  'wasi:sockets/network': { Network, networkErrorCode: () => undefined },
  'wasi:sockets/instance-network': { instanceNetwork: () => new Network() },
  'wasi:sockets/tcp': { TcpSocket },
  'wasi:sockets/tcp-create-socket': { createTcpSocket: deny },
  'wasi:sockets/udp': { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
  'wasi:sockets/udp-create-socket': { createUdpSocket: deny },
  'wasi:sockets/ip-name-lookup': { ResolveAddressStream, resolveAddresses: deny },
};
