/** Any request into the gate: it gets an answer that HTTP can carry and one record, and the function runs only for a rule that names the request. */

import { validateHeaderName, validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyCredential, presentCredential } from '../../src/client/credentials.ts';
import { openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { openGate } from '../../src/enclave/gate.ts';
import type { FunctionRequest, FunctionResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { makeSigningKey } from '../e2e/worker.ts';
import { bodyParts } from './bodies.ts';
import { NO_KEY_SETS } from './callers/no-key-sets.ts';

const DIGEST = `sha256:${'cd'.repeat(32)}` as const;
const CHANNEL = new Uint8Array(32).fill(7);
const NOW = new Date('2026-11-21T12:00:00Z');
const key = makeSigningKey();
const policy = parseOwnerPolicy(
  `anchorhold: owner-policy/1
owner: hospital-a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { upper: "${DIGEST}" }
callers:
  ada: { key: "${key.text}" }
queries:
  - { allow: ada, to: POST /upper }
results: { max: 10 KiB, types: [text/plain] }
`,
  { file: 'policy.yaml', references: () => null },
);

function openAny(answer: FunctionResponse): {
  gate: ReturnType<typeof openGate>;
  called: FunctionRequest[];
  records: () => number;
} {
  const called: FunctionRequest[] = [];
  const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink: 'memory-only' });
  const gate = openGate({
    keySets: NO_KEY_SETS,
    functions: new Map([
      [
        'upper',
        {
          digest: DIGEST,
          loaded: {
            call: (request) => {
              called.push(request);
              return Promise.resolve(answer);
            },
            close: () => Promise.resolve(),
          },
          deadlineMs: 1000,
          egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
          sockets: NO_SOCKET_EGRESS,
          waitsFor: () => null,
          owners: [{ policy, replay: openReplayCache(REPLAY_CACHE) }],
        },
      ],
    ]),
    audit,
    budget: openBudget(100),
    maxQueries: 10,
    now: () => NOW,
  });
  return { gate, called, records: () => audit.checkpoint().size };
}

const method = fc.oneof(fc.constantFrom('POST', 'GET', 'post', 'CONNECT', 'TRACE', '__proto__', ''), fc.string());
const target = fc.oneof(
  fc.constantFrom(
    '/upper',
    '/upper?a',
    '/upper/',
    '/upper/..',
    '//upper',
    'https://w/upper',
    '*',
    '/upper#a',
    '/%75pper',
  ),
  fc.webUrl(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary' }).map((text) => `/upper${text}`),
);
const name = fc.oneof(
  fc.constantFrom(
    'authorization',
    'signature',
    'signature-input',
    'content-digest',
    'anchorhold-channel',
    'host',
    'content-length',
    'cookie',
  ),
  fc.string(),
);
const value = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'Bearer a.b.c',
    'Bearer eyJhbGciOiJub25lIn0.e30.',
    'sig1=("@method");created=1',
    'sig1=:AAAA:',
    'sha-256=:AAAA:',
  ),
);
const request = fc.record({
  method,
  target,
  authority: fc.string({ unit: 'binary' }),
  headers: fc.array(fc.tuple(name, value), { maxLength: 8 }),
  peerCertificates: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
  channel: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

/** Throws where a server could not write the answer. */
function expectCarried({ status, headers }: FunctionResponse): void {
  expect(status).toBeGreaterThanOrEqual(200);
  expect(status).toBeLessThanOrEqual(599);
  for (const [header, text] of headers) {
    validateHeaderName(header);
    validateHeaderValue(header, text);
  }
}

describe('any answer of a function', () => {
  it('leaves as it was judged, or not at all', async () => {
    const header = fc.tuple(
      fc.constantFrom('content-type', 'x-data', 'anchorhold-refused-by', 'set-cookie'),
      fc.oneof(
        fc.constantFrom('text/plain', 'text/plain; charset=utf-8', 'TEXT/PLAIN', 'text/html', 'text/plain, text/html'),
        fc.string({ maxLength: 6000 }),
      ),
    );
    const any = fc.record({
      status: fc.integer({ min: 0, max: 700 }),
      headers: fc.array(header, { maxLength: 5 }),
      body: fc.uint8Array({ maxLength: 12_000 }),
    });
    let left = 0;
    await fc.assert(
      fc.asyncProperty(any, async (given) => {
        const { gate, called } = openAny(given);
        const url = new URL('https://worker.test/upper');
        const headers: [string, string][] = [['host', 'worker.test']];
        const body = new Uint8Array();
        const signed = { method: 'POST', url, headers, body, channel: CHANNEL, now: NOW };
        const proof = await presentCredential(keyCredential(key), signed);
        const answer = await gate.answer({
          method: 'POST',
          target: '/upper',
          authority: 'worker.test',
          headers: [...headers, ...proof],
          peerCertificates: [],
          channel: CHANNEL,
          ...bodyParts(() => Promise.resolve(body)),
        });
        expect(called).toHaveLength(1);
        if (answer.headers.some(([name, by]) => name === 'anchorhold-refused-by' && by === 'gate')) {
          expect(answer.status).toBe(502);
          return;
        }
        left += 1;
        const own = given.headers.filter(([name]) => !name.startsWith('anchorhold-'));
        expect(answer).toEqual({ ...given, headers: own });
        const types = own.filter(([name]) => name === 'content-type').map(([, type]) => type);
        expect(types.length).toBeLessThanOrEqual(1);
        const carried = own.filter(([name]) => name !== 'content-type').reduce((sum, [, text]) => sum + text.length, 0);
        expect(carried + given.body.length).toBeLessThanOrEqual(10 * 1024);
      }),
      { numRuns: 300 },
    );
    expect(left).toBeGreaterThan(0);
  });
});

describe('any request', () => {
  it('without a valid proof gets a refusal and one record; nothing is read and nothing is called', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const { gate, called, records } = openAny({ status: 200, headers: [], body: new Uint8Array() });
        let reads = 0;
        const answer = await gate.answer({
          ...asked,
          ...bodyParts(() => {
            reads += 1;
            return Promise.resolve(new Uint8Array());
          }),
        });
        expectCarried(answer);
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(answer.headers).toContainEqual(['anchorhold-refused-by', 'gate']);
        expect({ called, reads, records: records() }).toEqual({ called: [], reads: 0, records: 1 });
      }),
      { numRuns: 500 },
    );
  });
});
