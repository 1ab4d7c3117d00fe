/**
 * Key sets that an issuer publishes at a pinned address: fetched by the worker itself, through the same checks as any way out (checked address,
 * name, pin, caps, times), and kept for a while. Keys that are older than their time are never used, whatever became of the issuer.
 * [RFC 7517; RFC 9111 4.2.1, 5.2.2]
 */
import { isIP } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import type { HttpAnswer, HttpClient } from '../../io/http-client.ts';
import type { KeySetAddress } from '../../policy/policy.ts';
import { parseTarget } from '../../policy/target.ts';
import type { AuditLog } from '../audit.ts';
import { askInTurn, bareHost, type Destinations, findAddresses } from '../destinations.ts';
import { countBytes } from '../egress-headers.ts';
import { type KeySet, type PublishedKeys, parseKeySet, type TokenRule } from './token.ts';

/** How long keys are used when the issuer says nothing, and what is made of what it says. */
const LIFETIME_MS = { usual: 5 * 60_000, least: 60_000, most: 60 * 60_000 };
/** How long nobody is asked after a failure. */
const RETRY_MS = 10_000;
/** How long nobody is asked again for a key that the set does not have. */
const AGAIN_MS = 60_000;
const TIMEOUT_MS = 5_000;
const HEADERS = [['accept', 'application/jwk-set+json, application/json']] as const;

export interface KeySetsOptions extends Destinations {
  readonly client: HttpClient;
  readonly audit: AuditLog;
  readonly now: () => Date;
}

export interface KeySets {
  /** Gives the published keys of one owner's rules. */
  of(owner: string): PublishedKeys;
}

/** What is known of one rule's set: the keys, or in words why there are none. */
interface Known {
  readonly result: KeySet | string;
  readonly askedAtMs: number;
  readonly untilMs: number;
}

/** Reads how long an answer may be used, in milliseconds. */
function lifetimeOf({ headers }: HttpAnswer): number {
  const valueOf = (name: string): string =>
    headers
      .flatMap(([header, value]) => (header === name ? [value] : []))
      .join(',')
      .toLowerCase();
  const control = valueOf('cache-control');
  if (/(?:^|[\s,])no-(?:store|cache)\b/.test(control)) return LIFETIME_MS.least;
  const maxAge = /(?:^|[\s,])max-age="?(\d{1,9})/.exec(control)?.[1];
  if (maxAge === undefined) return LIFETIME_MS.usual;
  const age = /^\d{1,9}$/.exec(valueOf('age'))?.[0] ?? '0';
  return Math.min(LIFETIME_MS.most, Math.max(LIFETIME_MS.least, (Number(maxAge) - Number(age)) * 1000));
}

/** Opens the key sets of a worker; nothing is asked before a token needs one. A set belongs to one rule of one policy and is gone with it. */
export function openKeySets(options: KeySetsOptions): KeySets {
  const { client, audit, now } = options;
  const known = new WeakMap<TokenRule, Known>();
  const underWay = new WeakMap<TokenRule, Promise<Known>>();

  async function fetch({ url, pin }: KeySetAddress): Promise<{
    readonly answer: HttpAnswer | string;
    readonly target: string;
    readonly bytesOut: number;
  }> {
    const parsed = parseTarget(url);
    if (!parsed.ok) return { answer: parsed.why, target: '', bytesOut: 0 };
    const { host, port, path } = parsed.value;
    const { origin, host: authority } = new URL(`https://${host}:${port}`);
    const target = `GET ${origin}`;
    const addresses = await findAddresses(options, host);
    if ('error' in addresses) return { answer: addresses.error, target, bytesOut: 0 };
    const name = bareHost(host);
    const answer = await askInTurn(addresses, (address) =>
      client.send({
        address,
        port,
        tls: { name, isAddress: isIP(name) !== 0, pins: [pin], vouchedBy: 'authorities' },
        authority,
        method: 'GET',
        path,
        headers: HEADERS,
        body: new Uint8Array(),
        maxHeadBytes: LIMITS.responseHeadBytes,
        maxBodyBytes: LIMITS.keySetBytes,
        meter: 'unmetered',
        reuse: 'never',
        connectTimeoutMs: TIMEOUT_MS,
        deadlineMs: TIMEOUT_MS,
        // A caller who is gone takes nothing from those who wait for the same keys.
        ended: new AbortController().signal,
      }),
    );
    const bytesOut = countBytes(path.length + authority.length, HEADERS, 0);
    return 'failure' in answer ? { answer: answer.failure, target, bytesOut: 0 } : { answer, target, bytesOut };
  }

  function judge(rule: TokenRule, answer: HttpAnswer | string): KeySet | string {
    if (typeof answer === 'string') return answer;
    if (answer.status !== 200) return `status ${answer.status}`;
    try {
      return parseKeySet(rule.name, Buffer.from(answer.body).toString('utf8'));
    } catch {
      return 'no set of public keys';
    }
  }

  async function ask(owner: string, rule: TokenRule, address: KeySetAddress): Promise<Known> {
    const { answer, target, bytesOut } = await fetch(address);
    const result = judge(rule, answer);
    const isKept = typeof result !== 'string' && typeof answer !== 'string';
    const time = now();
    audit.append({
      time,
      kind: 'egress',
      outcome: 'allow',
      owner,
      rule: `${rule.at.file}:${rule.at.line}`,
      caller: null,
      function: '',
      target,
      bytesIn: typeof answer === 'string' ? 0 : answer.body.length,
      bytesOut,
      reason: typeof result === 'string' ? result : 'ok',
    });
    const askedAtMs = time.getTime();
    return { result, askedAtMs, untilMs: askedAtMs + (isKept ? lifetimeOf(answer) : RETRY_MS) };
  }

  /** Asks, for everybody who waits at the same time. */
  async function askOnce(owner: string, rule: TokenRule, address: KeySetAddress): Promise<Known> {
    const started =
      underWay.get(rule) ??
      ask(owner, rule, address)
        .then((found) => {
          known.set(rule, found);
          return found;
        })
        .finally(() => underWay.delete(rule));
    underWay.set(rule, started);
    return await started;
  }

  return {
    of: (owner) => ({
      async current(rule, address) {
        const found = known.get(rule);
        const nowMs = now().getTime();
        // A clock that was set back must not make keys last longer.
        const isCurrent = found !== undefined && nowMs >= found.askedAtMs && nowMs < found.untilMs;
        return isCurrent ? found.result : (await askOnce(owner, rule, address)).result;
      },
      async again(rule, address) {
        const found = known.get(rule);
        const nowMs = now().getTime();
        if (found !== undefined && nowMs >= found.askedAtMs && nowMs - found.askedAtMs < AGAIN_MS) return null;
        const { result } = await askOnce(owner, rule, address);
        return typeof result === 'string' ? null : result;
      },
    }),
  };
}
