/**
 * Puts owners' secrets into a request that goes out, where their rules say so. The function neither sees nor sets such a header, and asks for nothing
 * by which an echo could come back in pieces or disguised by the connection itself. What comes back is watched by echo-guard.ts.
 */
import type { EgressGrant, EgressRefusal } from './egress-grant.ts';
import { ownersOf } from './egress-grant.ts';
import type { HeaderField } from './sandbox/sandbox.ts';

/** Gives an owner's secret, or null when it is not in this worker. */
export type SecretSource = (owner: string, name: string) => string | null;

/** A worker that holds none. */
export const NO_SECRETS: SecretSource = () => null;

export interface Credential {
  /** In lower case. */
  readonly header: string;
  readonly value: string;
}

/** Gives what all owners' rules put into a request; refuses when a secret is not here, or two owners want the same header. */
export function findCredentials(grant: EgressGrant, secrets: SecretSource): readonly Credential[] | EgressRefusal {
  const found = new Map<string, Credential>();
  for (const { owner, rule } of ownersOf(grant)) {
    if (rule.credential === null) continue;
    const refuse = (why: string): EgressRefusal => ({
      error: 'HTTP-request-denied',
      reason: `ERR_POLICY_DENIED_EGRESS: ${why}`,
      owner,
      at: rule.at,
    });
    const { header, secret } = rule.credential;
    const value = secrets(owner, secret);
    if (value === null) return refuse(`the secret ${secret} is not in this worker`);
    if (found.has(header)) return refuse(`another owner puts a secret into the header ${header}`);
    found.set(header, { header, value });
  }
  return [...found.values()];
}

/** A compressed answer would hide an echo, and ranges would let it out in pieces. [RFC 9110 12.5.3, 14.2] */
const ENCODINGS = 'accept-encoding';
const RANGES: ReadonlySet<string> = new Set(['range', 'if-range']);

/** Adds credentials to checked headers; a function that sets such a header itself is refused, whatever it sets. */
export function addCredentials(
  headers: readonly HeaderField[],
  credentials: readonly Credential[],
): { readonly headers: readonly HeaderField[] } | { readonly flaw: string } {
  if (credentials.length === 0) return { headers };
  const set = headers.find(([name]) => credentials.some(({ header }) => header === name));
  if (set !== undefined) return { flaw: `the header ${set[0]} is put in by the gate` };
  if (headers.some(([name]) => RANGES.has(name))) return { flaw: 'a request with a credential asks for no range' };
  return {
    headers: [
      ...headers.filter(([name]) => name !== ENCODINGS),
      [ENCODINGS, 'identity'],
      ...credentials.map(({ header, value }): HeaderField => [header, value]),
    ],
  };
}

/** Tells whether trailers of a request leave the headers of credentials alone. */
export function leavesCredentials(trailers: readonly HeaderField[], credentials: readonly Credential[]): boolean {
  return trailers.every(([name]) => !credentials.some(({ header }) => header === name.toLowerCase()));
}
