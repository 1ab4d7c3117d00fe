/** Any request into the gate: it gets an answer that HTTP can carry and one record, and the function runs only for a rule that names the request. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { openGate } from '../../src/enclave/gate.ts';
import type { FunctionRequest, FunctionResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { makeSigningKey } from '../e2e/worker.ts';

const DIGEST = `sha256:${'cd'.repeat(32)}` as const;
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
          egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
          owners: [{ policy, replay: openReplayCache(REPLAY_CACHE) }],
        },
      ],
    ]),
    audit,
    budget: openBudget(100),
    deadlineMs: 1000,
    maxQueries: 10,
    now: () => new Date('2026-11-21T12:00:00Z'),
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

describe('any request', () => {
  it('without a valid proof gets a refusal and one record; nothing is read and nothing is called', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (asked) => {
        const { gate, called, records } = openAny({ status: 200, headers: [], body: new Uint8Array() });
        let reads = 0;
        const answer = await gate.answer({
          ...asked,
          readBody: () => {
            reads += 1;
            return Promise.resolve(new Uint8Array());
          },
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
