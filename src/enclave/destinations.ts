/**
 * Where a host leads that somebody is allowed to ask: its addresses, resolved once and checked, and the first of them that takes the
 * connection. Decides nothing about the permission.
 */
import { isIP } from 'node:net';
import type { ResolveHost } from '../io/resolver.ts';
import { addressFlaw } from './addresses.ts';

/** Addresses of a name that are tried, one after the other, when one refuses the connection. */
const MAX_ADDRESSES = 4;

export interface Destinations {
  readonly resolve: ResolveHost;
  /** Names with a fixed address, which may be any address; the lockdown claims spell them out. */
  readonly fixedNames: Readonly<Record<string, string>>;
}

/** Gives the addresses to connect to, or the words of wasi:http for why there are none. */
export async function findAddresses(
  { resolve, fixedNames }: Destinations,
  host: string,
): Promise<readonly string[] | { readonly error: string }> {
  // A literal address comes this far only when a rule names that very address.
  const literal = bareHost(host);
  if (isIP(literal) !== 0) return [literal];
  const fixed = Object.hasOwn(fixedNames, host) ? fixedNames[host] : undefined;
  if (fixed !== undefined) return [fixed];
  const addresses = await resolve(host).catch(() => []);
  if (addresses.length === 0) return { error: 'DNS-error' };
  // One forbidden address spoils the whole answer: whoever mixes it in is trying something.
  if (addresses.some((address) => addressFlaw(address) !== null)) return { error: 'destination-IP-prohibited' };
  return addresses.slice(0, MAX_ADDRESSES);
}

/** Gives a host without the brackets of an IPv6 address. */
export function bareHost(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

/** Asks the addresses in turn, as long as one refuses the connection; there is at least one. */
export async function askInTurn<T extends object>(
  addresses: readonly string[],
  ask: (address: string) => Promise<T>,
): Promise<T> {
  const [first = '', ...others] = addresses;
  let last = await ask(first);
  for (const address of others) {
    if (!('failure' in last) || last.failure !== 'connection-refused') break;
    last = await ask(address);
  }
  return last;
}
