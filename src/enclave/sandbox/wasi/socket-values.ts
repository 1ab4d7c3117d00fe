/** Addresses and errors of sockets as WIT has them. Flow labels and scopes mean nothing inside a call: they are read as zero. [WASI 0.2.12 wasi:sockets/network] */
import type { IpAddress, SocketAddress } from '../net/address.ts';
import type { NetError } from '../net/net-error.ts';
import { DONE, err, ok, type Result } from './result.ts';

/** A WIT ip-address. */
export interface WitIp {
  readonly tag: 'ipv4' | 'ipv6';
  readonly val: readonly number[];
}

/** A WIT ip-socket-address. */
export interface WitAddress {
  readonly tag: 'ipv4' | 'ipv6';
  readonly val: { readonly port: number; readonly address: readonly number[] };
}

/** A WIT error-code: what the network says, and what only WASI 0.2 has. */
export type SocketError = NetError | 'not-in-progress' | 'would-block';

/** Reads an address of a guest. */
export function readAddress({ tag, val }: WitAddress): SocketAddress {
  return { ip: { family: tag, parts: val.address }, port: val.port };
}

/** Writes an address for a guest. */
export function writeIp({ family, parts }: IpAddress): WitIp {
  return { tag: family, val: parts };
}

/** Writes an address with its port for a guest. */
export function writeAddress({ ip, port }: SocketAddress): WitAddress {
  const address = ip.parts;
  const val = ip.family === 'ipv4' ? { port, address } : { port, flowInfo: 0, address, scopeId: 0 };
  return { tag: ip.family, val };
}

/** Writes the address that there is, or why there is none. */
export function addressResult(address: SocketAddress | NetError): Result<WitAddress, SocketError> {
  return typeof address === 'string' ? err(address) : ok(writeAddress(address));
}

/** Writes how something without a value went. */
export function doneResult(error: NetError | null): Result<undefined, SocketError> {
  return error === null ? DONE : err(error);
}
