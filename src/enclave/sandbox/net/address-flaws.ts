/** Which addresses a socket may have and may reach at all; where it leads is not decided here. [WASI 0.2.12 wasi:sockets/tcp] */
import { type AddressFamily, isAny, isLoopback, isMapped, isUnicast, type SocketAddress } from './address.ts';
import type { NetError } from './net-error.ts';

/** Says why no socket of the family can have this address of its own, or null. */
export function localFlaw(family: AddressFamily, { ip }: SocketAddress): NetError | null {
  if (ip.family !== family || isMapped(ip) || !isUnicast(ip)) return 'invalid-argument';
  return isLoopback(ip) || isAny(ip) ? null : 'address-not-bindable';
}

/** Says why no socket of the family can reach this address, or null. */
export function remoteFlaw(family: AddressFamily, { ip, port }: SocketAddress): NetError | null {
  const isOne = ip.family === family && port !== 0 && !isAny(ip) && !isMapped(ip) && isUnicast(ip);
  return isOne ? null : 'invalid-argument';
}
