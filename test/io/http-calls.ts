/** Calls to servers on loopback, over one client that counts its connections. */
import { connect } from 'node:net';
import {
  type HttpAnswer,
  type HttpCall,
  type HttpCallFailure,
  type HttpClient,
  openHttpClient,
} from '../../src/io/http-client.ts';
import { IDLE_LIMITS, type IdleLimits } from '../../src/io/idle-connections.ts';

export interface CountedClient {
  readonly client: HttpClient;
  /** How many connections were opened. */
  connections: number;
  /** Asks, and gives status and body, or the failure. */
  ask(change?: Partial<HttpCall>): Promise<string>;
}

/** A call to 192.0.2.1, which the client of a test leads to loopback. */
export function callTo(change: Partial<HttpCall> = {}): HttpCall {
  return {
    address: '192.0.2.1',
    port: 80,
    tls: 'plain',
    authority: 'a.example',
    method: 'GET',
    path: '/',
    headers: [],
    body: new Uint8Array(),
    maxHeadBytes: 16 * 1024,
    maxBodyBytes: 1024 * 1024,
    meter: 'unmetered',
    reuse: { key: 'one' },
    connectTimeoutMs: 10_000,
    deadlineMs: 10_000,
    ended: new AbortController().signal,
    ...change,
  };
}

/** Writes an answer as a text, so that tests can compare it. */
export function wordsOf(answer: HttpAnswer | HttpCallFailure): string {
  return 'failure' in answer
    ? answer.failure
    : `${answer.status} ${Buffer.from(answer.body).toString('latin1')}`.trim();
}

/** Opens a client whose every connection goes to this port. */
export function openCountedClient(
  portOf: () => number,
  roots: readonly string[] = [],
  limits: IdleLimits = IDLE_LIMITS,
): CountedClient {
  const counted: CountedClient = {
    connections: 0,
    client: openHttpClient(
      roots,
      () => {
        counted.connections += 1;
        return connect({ host: '127.0.0.1', port: portOf(), noDelay: true });
      },
      limits,
    ),
    ask: async (change) => wordsOf(await counted.client.send(callTo(change))),
  };
  return counted;
}
