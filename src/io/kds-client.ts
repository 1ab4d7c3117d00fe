/**
 * Asks a key distribution service for one file at a time, with caps on size, time, tries and waiting. Follows no redirect and reads no
 * environment. What comes back is bytes that nobody has judged. [AMD 57230; RFC 9110 10.2.3, 15.5]
 */
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError, TransportError } from '../errors.ts';
import { type HttpAnswer, openHttpClient } from './http-client.ts';
import { openResolver } from './resolver.ts';

/** Questions to the service for one file. */
const MAX_TRIES = 3;
/** Longest wait between two of them; a service that asks for more is told to the caller instead. */
const MAX_WAIT_MS = 10_000;
/** Waits when the service names no time: after the first answer that it is too busy, and after the second. */
const DEFAULT_WAITS_MS: readonly number[] = [1000, 3000];

export interface KdsClientOptions {
  /** `https://host[:port][/folder]`; `http://` only to a loopback address. */
  readonly baseUrl: string;
  /** Authorities of the service's TLS certificate: those shipped with Node, or these (PEM). */
  readonly roots: 'system' | readonly string[];
  /** For one question and its answer. */
  readonly timeoutMs: number;
  readonly now: () => Date;
  /** Waits; tests give one that does not. */
  readonly wait: (ms: number) => Promise<void>;
}

export interface KdsClient {
  /** Gives the absolute address of a path; names a file in a cache. */
  address(path: string): string;
  /**
   * Fetches a file of at most `maxBytes`; null when the service says that there is none (404). Calls wait for each other, and calls for the
   * same file that wait at the same time ask once.
   * @throws TransportError ERR_TRANSPORT_UNREACHABLE, ERR_TRANSPORT_TIMEOUT, ERR_TRANSPORT_OVERLOADED
   */
  fetch(path: string, maxBytes: number): Promise<Uint8Array | null>;
}

/** Waits by the clock. */
export const waitByClock = async (ms: number): Promise<void> => {
  await sleep(ms);
};

/** Reads the base address; what is plain HTTP must stay on this machine, because a list that is held back on the way hides a revocation. */
function parseBaseUrl(text: string): URL {
  const url = URL.parse(text);
  const loopback = url !== null && /^(?:127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback);
  if (url === null || !secure || `${url.username}${url.password}${url.search}${url.hash}` !== '') {
    const message = `${JSON.stringify(text)} is no address of a key distribution service: write https://host, or http:// with a loopback address`;
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
  }
  return url;
}

/** Reads Retry-After: seconds or a date; null when there is none that can be read. [RFC 9110 10.2.3] */
function retryAfterMs({ headers }: HttpAnswer, now: Date): number | null {
  const value = headers.find(([name]) => name === 'retry-after')?.[1].trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = value.endsWith('GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}

/**
 * Opens a client; nothing is asked before the first call.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE when the base address is none
 */
export function openKdsClient(options: KdsClientOptions): KdsClient {
  const { timeoutMs, now, wait } = options;
  const base = parseBaseUrl(options.baseUrl);
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const isAddress = isIP(host) !== 0;
  const secure = base.protocol === 'https:';
  const http = openHttpClient(options.roots);
  const resolve = openResolver(timeoutMs);
  const folder = base.pathname.replace(/\/+$/, '');
  // The service asked everybody to stay away until then.
  let busyUntil = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const underWay = new Map<string, Promise<Uint8Array | null>>();

  const unreachable = (why: string): TransportError =>
    new TransportError('ERR_TRANSPORT_UNREACHABLE', `the key distribution service ${base.host} ${why}`);
  const overloaded = (): TransportError => {
    const until = new Date(busyUntil).toISOString();
    return new TransportError(
      'ERR_TRANSPORT_OVERLOADED',
      `${base.host} is too busy; it asked to come back at ${until}`,
    );
  };

  async function ask(path: string, maxBodyBytes: number): Promise<HttpAnswer> {
    const [address = ''] = isAddress ? [host] : await resolve(host);
    const answer = await http.send({
      address,
      port: Number(base.port || (secure ? 443 : 80)),
      tls: secure ? { name: host, isAddress, pins: [], vouchedBy: 'authorities' } : 'plain',
      authority: base.host,
      method: 'GET',
      path: `${folder}${path}`,
      headers: [['accept', '*/*']],
      body: new Uint8Array(),
      maxHeadBytes: LIMITS.responseHeadBytes,
      maxBodyBytes,
      meter: 'unmetered',
      reuse: 'never',
      connectTimeoutMs: timeoutMs,
      deadlineMs: timeoutMs,
      ended: new AbortController().signal,
    });
    if ('status' in answer) return answer;
    if (answer.failure === 'connection-timeout' || answer.failure === 'HTTP-response-timeout') {
      throw new TransportError('ERR_TRANSPORT_TIMEOUT', `${base.host} did not answer within ${timeoutMs} ms`);
    }
    if (answer.failure === 'HTTP-response-body-size') throw unreachable(`sent more than ${maxBodyBytes} bytes`);
    throw unreachable(`gave no answer (${answer.failure})`);
  }

  async function askPatiently(path: string, maxBytes: number): Promise<Uint8Array | null> {
    for (let tries = 1; ; tries++) {
      if (now().getTime() < busyUntil) throw overloaded();
      const answer = await ask(path, maxBytes);
      if (answer.status === 200) return answer.body;
      if (answer.status === 404) return null;
      if (answer.status !== 429 && answer.status !== 503) throw unreachable(`answered with status ${answer.status}`);
      const waitMs = retryAfterMs(answer, now()) ?? DEFAULT_WAITS_MS[tries - 1] ?? MAX_WAIT_MS;
      busyUntil = now().getTime() + waitMs;
      if (tries === MAX_TRIES || waitMs > MAX_WAIT_MS) throw overloaded();
      await wait(waitMs);
      busyUntil = 0;
    }
  }

  return {
    address: (path) => `${base.origin}${folder}${path}`,
    async fetch(path, maxBytes) {
      const question = `${maxBytes} ${path}`;
      let own = underWay.get(question);
      if (own === undefined) {
        own = turn.then(async () => await askPatiently(path, maxBytes)).finally(() => underWay.delete(question));
        underWay.set(question, own);
        turn = own.catch(() => {});
      }
      const body = await own;
      return body === null ? null : body.slice();
    },
  };
}
