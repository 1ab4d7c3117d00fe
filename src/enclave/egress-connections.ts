/**
 * The only way out for a function's sockets. A name is looked up only where every owner has a rule that names it, and leads only to ordinary
 * public addresses; a connection goes to an address that a rule names, or to which a named name led in this very call. Each connection is
 * written down when it is made and when it ends.
 */
import type { DigestText } from '../base/digest.ts';
import type { ResolveHost } from '../io/resolver.ts';
import type { TcpClient } from '../io/tcp-client.ts';
import { formatConnection } from '../policy/connection.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { addressFlaw, canonicalAddress, mayBeOwn } from './addresses.ts';
import type { AuditLog } from './audit.ts';
import type { Budget } from './budget.ts';
import { openConnectionEnds } from './connection-ends.ts';
import {
  type ConnectionGrants,
  type ConnectionRefusal,
  type Deciders,
  grantConnection,
  spendBytes,
  spendConnection,
} from './connection-grant.ts';
import { grantLookup, spendLookup } from './lookup-grant.ts';
import type { NetError } from './sandbox/net/net-error.ts';
import type { Connection } from './sandbox/net/outside.ts';
import type { OpenSocketEgress, SocketEgress, SocketFailure } from './sandbox/socket-egress.ts';
import { openStandingGrant } from './standing-grant.ts';

export interface ConnectionLimits {
  readonly connectTimeoutMs: number;
  /** How long neither direction of a connection may move. */
  readonly idleMs: number;
  /** How long what a call has written and ended may still take to go out when the call is over. */
  readonly flushMs: number;
  /** Connections of one function at the same time. */
  readonly maxConcurrent: number;
  /** Lookups and connections that one call may ask for, allowed or not: each of them costs the gate a decision and a record. */
  readonly maxRequests: number;
  /** Lookups among them. */
  readonly maxLookups: number;
}

/** What holds unless a worker is configured otherwise. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  connectTimeoutMs: 10_000,
  idleMs: 60_000,
  flushMs: 1000,
  maxConcurrent: 64,
  maxRequests: 1024,
  maxLookups: 64,
};

export interface ConnectionOptions {
  /** Gives the owners of this function as they are now; all of them must allow. None allow nothing. */
  readonly policies: () => readonly OwnerPolicy[];
  readonly functionDigest: DigestText;
  readonly client: TcpClient;
  readonly resolve: ResolveHost;
  /** Names with a fixed address, which may be any but the machine itself; the lockdown claims spell them out. */
  readonly fixedNames: Readonly<Record<string, string>>;
  readonly audit: AuditLog;
  readonly budget: Budget;
  readonly limits: ConnectionLimits;
  readonly now: () => Date;
}

/** Addresses of a name that a function is told. */
const MAX_ADDRESSES = 4;
const NO_BYTES = { bytesIn: 0, bytesOut: 0 };
const PROHIBITED = 'destination-IP-prohibited';

/** Opens the way out for the sockets of one function. */
export function openSocketEgress(options: ConnectionOptions): OpenSocketEgress {
  const { functionDigest, client, audit, budget, limits, fixedNames, now } = options;
  let open = 0;
  const deciders = (): Deciders => ({ policies: options.policies(), functionDigest });

  function write(
    outcome: 'allow' | 'deny',
    { owner, at, reason }: ConnectionRefusal,
    target: string,
    bytes: { readonly bytesIn: number; readonly bytesOut: number },
  ): void {
    const rule = `${at.file}:${at.line}`;
    audit.append({
      time: now(),
      kind: 'egress',
      outcome,
      owner,
      rule,
      caller: null,
      function: functionDigest,
      target,
      reason,
      ...bytes,
    });
  }

  function deny(refusal: ConnectionRefusal, target: string, error: NetError): SocketFailure {
    write('deny', refusal, target, NO_BYTES);
    return { error };
  }

  function allow(grants: ConnectionGrants, target: string, reason: string, bytes: typeof NO_BYTES): void {
    for (const { owner, rule } of grants) write('allow', { owner, at: rule.at, reason }, target, bytes);
  }

  /** Gives the addresses that a name leads to, or why it leads nowhere. */
  async function addressesOf(name: string): Promise<readonly string[] | 'DNS-error' | typeof PROHIBITED> {
    const fixed = Object.hasOwn(fixedNames, name) ? fixedNames[name] : undefined;
    // The function's own loopback is another one: told this address, it would find itself.
    if (fixed !== undefined) return mayBeOwn(fixed) ? PROHIBITED : [fixed];
    const addresses = await options.resolve(name).catch(() => []);
    if (addresses.length === 0) return 'DNS-error';
    // One forbidden address spoils the whole answer: whoever mixes it in is trying something.
    return addresses.some((address) => addressFlaw(address) !== null) ? PROHIBITED : addresses.slice(0, MAX_ADDRESSES);
  }

  function openCall(ended: AbortSignal): SocketEgress {
    /** Names that led to an address in this call. */
    const namesOf = new Map<string, string[]>();
    let requests = 0;
    let lookups = 0;

    async function resolve(asked: string): Promise<readonly string[] | SocketFailure> {
      const granted = grantLookup(deciders(), asked, now());
      const target = `LOOKUP ${asked}`;
      if (!('name' in granted)) return deny(granted, target, 'access-denied');
      const { name, owner, at } = granted;
      const refuse = (reason: string, error: NetError): SocketFailure => deny({ reason, owner, at }, target, error);
      lookups += 1;
      if (lookups > limits.maxLookups) return refuse('lookup-limit-reached', 'access-denied');
      const refused = spendLookup(budget, granted, now());
      if (refused !== null) return deny(refused, target, 'access-denied');
      const found = await addressesOf(name);
      if (found === 'DNS-error') return refuse(found, 'name-unresolvable');
      if (found === PROHIBITED) return refuse(found, 'access-denied');
      const addresses = found.flatMap((address) => canonicalAddress(address) ?? []);
      for (const address of addresses) {
        const names = namesOf.get(address) ?? [];
        if (!names.includes(name)) namesOf.set(address, [...names, name]);
      }
      return addresses;
    }

    /** Finds what lets the function connect there: a rule for the address itself, or for a name that led to it. */
    function findGrants(
      literal: string,
      address: string,
      port: number,
    ): { readonly url: string; readonly grants: ConnectionGrants } | ConnectionRefusal {
      const ask = (host: string): { readonly url: string; readonly grants: ConnectionGrants } | ConnectionRefusal => {
        const url = formatConnection({ host, port });
        const grants = grantConnection(deciders(), url, now());
        return 'reason' in grants ? grants : { url, grants };
      };
      const answers = [literal, ...(namesOf.get(address) ?? [])].map(ask);
      return answers.find((answer) => 'url' in answer) ?? answers.at(-1) ?? ask(literal);
    }

    async function connect(given: string, port: number): Promise<Connection | SocketFailure> {
      const address = canonicalAddress(given);
      if (address === null) return { error: 'invalid-argument' };
      const literal = address.includes(':') ? `[${address}]` : address;
      const found = findGrants(literal, address, port);
      if ('reason' in found)
        return deny(found, `CONNECT ${formatConnection({ host: literal, port })}`, 'access-denied');
      const { url, grants } = found;
      const target = `CONNECT ${url}`;
      const [{ owner, rule }] = grants;
      if (open >= limits.maxConcurrent)
        return deny({ reason: 'connection-limit-reached', owner, at: rule.at }, target, 'new-socket-limit');
      const refused = spendConnection(budget, grants, now());
      if (refused !== null) return deny(refused, target, 'access-denied');
      const isStillAllowed = openStandingGrant(
        options.policies,
        (policies) => !('reason' in grantConnection({ policies, functionDigest }, url, now())),
      );
      open += 1;
      const socket = await client.connect({ address, port }, { timeoutMs: limits.connectTimeoutMs, ended });
      if (typeof socket === 'string') {
        open -= 1;
        allow(grants, target, socket, NO_BYTES);
        return { error: socket };
      }
      const ends = openConnectionEnds(socket, {
        ended,
        idleMs: limits.idleMs,
        flushMs: limits.flushMs,
        spend: (bytes) => isStillAllowed() && spendBytes(budget, grants, bytes, now()),
        onEnd(reason, bytes) {
          open -= 1;
          try {
            allow(grants, `CLOSE ${url}`, reason, bytes);
          } catch {
            // Its beginning is written down; there is nobody here to refuse its end to.
          }
        },
      });
      try {
        allow(grants, target, 'ok', NO_BYTES);
      } catch {
        // A connection that cannot be written down is not made.
        ends.sink.abort();
        return { error: 'access-denied' };
      }
      return ends;
    }

    async function judge<T>(run: () => Promise<T | SocketFailure>): Promise<T | SocketFailure> {
      requests += 1;
      if (requests > limits.maxRequests) return { error: 'access-denied' };
      // A decision that cannot be written down is no permission.
      return await run().catch(() => ({ error: 'access-denied' }));
    }

    return {
      resolve: (name) => judge(() => resolve(name)),
      connect: (address, port) => judge(() => connect(address, port)),
    };
  }

  return openCall;
}
