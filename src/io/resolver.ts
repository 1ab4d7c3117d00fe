/** Asks DNS for the addresses of a name: no hosts file, no search domains. Judges neither the name nor the answer. [RFC 1035] */
import { Resolver } from 'node:dns/promises';
import { TransportError } from '../errors.ts';

/**
 * Gives the addresses of a name, IPv4 first; at least one.
 * @throws TransportError ERR_TRANSPORT_UNREACHABLE when there is none
 */
export type ResolveHost = (name: string) => Promise<readonly string[]>;

/** Opens a resolver over the system's name servers; each question waits `timeoutMs` and is asked twice. */
export function openResolver(timeoutMs: number): ResolveHost {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return async (name) => {
    // The final dot keeps the name from ever being completed with the machine's own domain.
    const answers = await Promise.allSettled([resolver.resolve4(`${name}.`), resolver.resolve6(`${name}.`)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length > 0) return addresses;
    const cause: unknown = answers.find((answer) => answer.status === 'rejected')?.reason;
    throw new TransportError('ERR_TRANSPORT_UNREACHABLE', `the name ${name} has no address`, { cause });
  };
}
