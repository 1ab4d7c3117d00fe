/**
 * What the two sides say in frames about sockets: a child asks for the addresses of a name or for a connection, and the gate answers. The
 * bytes of a connection go as the bodies of its number. The gate's side reads as if a hostile process had written every byte.
 */
import { type Head, isHeadMap } from './frame-head.ts';
import { formatIp, type IpAddress, parseIp, type SocketAddress } from './net/address.ts';
import type { NetError } from './net/net-error.ts';
import type { SocketFailure } from './socket-egress.ts';

/** What a child asks; `number` is one of those that tell the outgoing requests of a call apart. */
export type SocketRequest = { readonly number: number } & (
  | { readonly type: 'lookup'; readonly name: string }
  | { readonly type: 'connect'; readonly address: string; readonly port: number }
);

/** What the gate answers. */
export interface LookupAnswer {
  readonly number: number;
  readonly answer: readonly IpAddress[] | NetError;
}
export interface ConnectAnswer {
  readonly number: number;
  /** null: both directions are open. */
  readonly error: NetError | null;
}

const NAME_CHARACTERS = 253;

/** The errors that a gate may say; the others are of the child's own making. */
const ERRORS: ReadonlySet<string> = new Set<NetError>([
  'access-denied',
  'invalid-argument',
  'out-of-memory',
  'timeout',
  'new-socket-limit',
  'remote-unreachable',
  'connection-refused',
  'connection-reset',
  'name-unresolvable',
  'temporary-resolver-failure',
  'permanent-resolver-failure',
]);

const isError = (text: Head | undefined): text is NetError => typeof text === 'string' && ERRORS.has(text);

function hasKeys(head: Readonly<Record<string, Head>>, keys: readonly string[]): boolean {
  return Object.keys(head).length === keys.length && keys.every((key) => head[key] !== undefined);
}

/** Reads the head of a lookup from a child; null when it is none. */
export function parseLookup(head: Head): SocketRequest | null {
  if (!isHeadMap(head) || !hasKeys(head, ['number', 'name'])) return null;
  const { number, name } = head;
  if (typeof number !== 'number' || number === 0 || typeof name !== 'string' || name.length > NAME_CHARACTERS)
    return null;
  return { type: 'lookup', number, name };
}

/** Reads the head of a connection that a child wants; null when it is none. */
export function parseConnect(head: Head): SocketRequest | null {
  if (!isHeadMap(head) || !hasKeys(head, ['number', 'address', 'port'])) return null;
  const { number, address, port } = head;
  if (typeof number !== 'number' || number === 0 || typeof port !== 'number' || port < 1 || port > 65_535) return null;
  return typeof address !== 'string' || parseIp(address) === null ? null : { type: 'connect', number, address, port };
}

/** Writes the head of a lookup. */
export function writeLookup(number: number, name: string): Head {
  return { number, name };
}

/** Writes the head of a connection that is wanted. */
export function writeConnect(number: number, { ip, port }: SocketAddress): Head {
  return { number, address: formatIp(ip), port };
}

/** Writes the head of what came of a lookup. */
export function writeLookupAnswer(number: number, answer: readonly string[] | SocketFailure): Head {
  return 'error' in answer ? { number, error: answer.error } : { number, addresses: answer };
}

/** Writes the head of what came of a connection. */
export function writeConnectAnswer(number: number, error: NetError | null): Head {
  return error === null ? { number } : { number, error };
}

/** Reads what came of a lookup, in the child; what no guest could be shown becomes an error, so that none waits for ever. */
export function parseLookupAnswer(head: Head): LookupAnswer | null {
  if (!isHeadMap(head) || typeof head['number'] !== 'number') return null;
  const { number, error, addresses } = head;
  if (isError(error)) return { number, answer: error };
  const texts = Array.isArray(addresses) ? (addresses as readonly Head[]) : [];
  const answer = texts.flatMap((text) => (typeof text === 'string' ? (parseIp(text) ?? []) : []));
  return { number, answer: answer.length === 0 ? 'name-unresolvable' : answer };
}

/** Reads what came of a connection, in the child. */
export function parseConnectAnswer(head: Head): ConnectAnswer | null {
  if (!isHeadMap(head) || typeof head['number'] !== 'number') return null;
  const { number, error } = head;
  if (error === undefined) return { number, error: null };
  return { number, error: isError(error) ? error : 'remote-unreachable' };
}
