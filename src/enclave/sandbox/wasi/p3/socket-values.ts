/** Addresses and errors of sockets as wasi:sockets says them. [WASI 0.3.0 wasi:sockets/types] */
import type { IpAddress, SocketAddress } from '../../net/address.ts';
import type { NetError } from '../../net/net-error.ts';
import { DONE, err, ok, type Result, type Variant } from '../result.ts';

export interface WitIp {
  readonly tag: 'ipv4' | 'ipv6';
  readonly val: readonly number[];
}

export interface WitAddress {
  readonly tag: 'ipv4' | 'ipv6';
  readonly val: {
    readonly port: number;
    readonly address: readonly number[];
    readonly flowInfo?: number;
    readonly scopeId?: number;
  };
}

const CODES: ReadonlySet<string> = new Set([
  'access-denied',
  'not-supported',
  'invalid-argument',
  'out-of-memory',
  'timeout',
  'invalid-state',
  'address-not-bindable',
  'address-in-use',
  'remote-unreachable',
  'connection-refused',
  'connection-broken',
  'connection-reset',
  'connection-aborted',
  'datagram-too-large',
]);
const LOOKUP_CODES: ReadonlySet<string> = new Set([
  'access-denied',
  'invalid-argument',
  'name-unresolvable',
  'temporary-resolver-failure',
  'permanent-resolver-failure',
]);

const codeOf = (codes: ReadonlySet<string>, name: string): Variant =>
  codes.has(name) ? { tag: name } : { tag: 'other', val: name };

/** Makes an error of its name. */
export function socketError(name: NetError | 'connection-broken'): Result<never, Variant> {
  return err(codeOf(CODES, name));
}

/** Makes an error of a name that has no address. */
export function lookupError(name: NetError): Result<never, Variant> {
  return err(codeOf(LOOKUP_CODES, name));
}

/** Makes the answer of what either succeeds or fails. */
export function doneOr(error: NetError | null): Result<undefined, Variant> {
  return error === null ? DONE : socketError(error);
}

/** Writes an address. */
export function toWitIp({ family, parts }: IpAddress): WitIp {
  return { tag: family, val: parts };
}

/** Reads an address with its port; what WASI has beside them is kept nowhere, so it must be zero. */
export function fromWitAddress({ tag, val }: WitAddress): SocketAddress | null {
  if ((val.flowInfo ?? 0) !== 0 || (val.scopeId ?? 0) !== 0) return null;
  return { ip: { family: tag, parts: val.address }, port: val.port };
}

function toWitAddress({ ip, port }: SocketAddress): WitAddress {
  const val = { port, address: ip.parts };
  return ip.family === 'ipv4' ? { tag: 'ipv4', val } : { tag: 'ipv6', val: { ...val, flowInfo: 0, scopeId: 0 } };
}

/** Makes the answer of a question for an address. */
export function addressOr(found: SocketAddress | NetError): Result<WitAddress, Variant> {
  return typeof found === 'string' ? socketError(found) : ok(toWitAddress(found));
}
