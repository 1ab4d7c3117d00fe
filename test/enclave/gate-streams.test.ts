/** What the gate lets through of a body that it never holds: judged by its head, counted as it leaves, and never complete-looking when it is not. */

import { describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { type AuditLog, type AuditSink, openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { type GateAnswer, type GateRequest, openGate } from '../../src/enclave/gate.ts';
import { type Body, sourceOf, WholeBytes } from '../../src/enclave/sandbox/body.ts';
import type { FunctionRequest, HeaderField } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import type { ByteSource } from '../../src/enclave/sandbox/wasi/byte-stream.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { keyUsage } from '../../src/io/x509-extensions.ts';
import { functions, policyOf } from '../e2e/worker.ts';
import { CLIENT_AUTH, issue, issueAuthority, purposes } from '../fixtures/certificates.ts';
import { NEVER_GONE } from './bodies.ts';
import { NO_KEY_SETS } from './callers/no-key-sets.ts';

/** Much at once, so that a body over every cap is soon read. */
const PIECE = new Uint8Array(64 * 1024 * 1024);
const NOW = new Date('2026-11-21T12:00:00Z');
const CHANNEL = new Uint8Array(32).fill(7);
const authority = issueAuthority('Research CA');
const analyst = issue(
  [
    ['O', 'Research'],
    ['CN', 'ada'],
  ],
  authority,
  { extensions: [purposes(CLIENT_AUTH), keyUsage('digitalSignature')] },
);
const POLICY = policyOf(
  ['upper'],
  `
callers: { analysts: { certificate: { ca: ./ca.pem, organization: Research } } }
queries: [{ allow: analysts, to: POST /upper }]
results: { max: 1 KiB, types: [text/plain] }
`,
  { './ca.pem': authority.pem },
);
const TEXT: HeaderField = ['content-type', 'text/plain'];

/** A source that remembers that nobody wanted it. */
class Watched extends WholeBytes {
  isCancelled = false;
  override cancel(): void {
    this.isCancelled = true;
    super.cancel();
  }
}

/** Ends as a body that broke off. */
const brokenOff = (bytes: Uint8Array): ByteSource => {
  const inner = new WholeBytes({ rest: bytes });
  return {
    state: 'failed',
    get available() {
      return inner.available;
    },
    take: (most) => inner.take(most),
    changed: () => Promise.resolve(),
    cancel: () => undefined,
  };
};

interface Outcome {
  readonly answer: GateAnswer;
  /** What left, null when nothing was streamed. */
  readonly left: Uint8Array | null;
  readonly audit: AuditLog;
  readonly called: readonly FunctionRequest[];
}

async function ask(
  body: Body,
  options: {
    readonly headers?: readonly HeaderField[];
    readonly isGone?: boolean;
    readonly sink?: AuditSink;
    readonly sent?: Body;
    readonly more?: readonly HeaderField[];
  } = {},
): Promise<Outcome> {
  const { headers = [TEXT], isGone = false, sink = 'memory-only', more = [] } = options;
  const called: FunctionRequest[] = [];
  const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink });
  const digest = formatDigest(sha256(functions.get('upper') ?? new Uint8Array()));
  const gate = openGate({
    keySets: NO_KEY_SETS,
    functions: new Map([
      [
        'upper',
        {
          digest,
          loaded: {
            call: async (request) => {
              called.push(request);
              const source = sourceOf(request.body);
              while (source.take(PIECE.length).length > 0);
              if (source.state !== 'ended') throw new TypeError('broke off');
              return { status: 200, headers, body };
            },
            close: () => Promise.resolve(),
          },
          deadlineMs: 1000,
          egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
          sockets: NO_SOCKET_EGRESS,
          waitsFor: () => null,
          owners: [{ policy: POLICY, replay: openReplayCache(REPLAY_CACHE) }],
        },
      ],
    ]),
    audit,
    budget: openBudget(100),
    maxQueries: 10,
    now: () => NOW,
  });
  let left: Uint8Array | null = null;
  const request: GateRequest = {
    method: 'POST',
    target: '/upper',
    authority: 'worker.test',
    headers: [['host', 'worker.test'], ...more],
    peerCertificates: [analyst.der],
    channel: CHANNEL,
    readBody: () => Promise.resolve(new Uint8Array()),
    openBody: () => Promise.resolve(options.sent ?? new Uint8Array()),
    whenGone: NEVER_GONE,
    async stream(_head, { source }) {
      left = new Uint8Array();
      for (;;) {
        const bytes = source.take(100);
        left = Buffer.concat([left, bytes]);
        if (bytes.length === 0) return source.state === 'ended' && !isGone;
      }
    },
  };
  const answer = await gate.answer(request);
  return { answer, left, audit, called };
}

const reasons = ({ audit }: Outcome): readonly string[] => audit.recent().map(({ reason }) => reason);
const codeOf = ({ answer }: Outcome): unknown =>
  (JSON.parse(Buffer.from(answer.body).toString()) as { readonly code: unknown }).code;
const of = (size: number, length: number | null = null): Body => ({
  source: new WholeBytes({ rest: new Uint8Array(size) }),
  length,
});

describe('a streamed answer', () => {
  it('leaves up to what the owner lets out, with a record before the first byte and one after the last', async () => {
    const asked = await ask(of(1024));
    expect({ left: asked.left?.length, streamed: asked.answer.streamed }).toEqual({ left: 1024, streamed: 'complete' });
    expect(reasons(asked)).toEqual(['begun', 'ok']);
    expect(asked.audit.recent().map(({ bytesOut }) => bytesOut)).toEqual([0, 1024]);
  });

  it('breaks off at exactly what the owner lets out', async () => {
    const asked = await ask(of(1025));
    expect({ left: asked.left?.length, streamed: asked.answer.streamed }).toEqual({ left: 1024, streamed: 'broken' });
    expect(reasons(asked)).toEqual(['begun', 'ERR_POLICY_DENIED_RESULT']);
    expect(asked.audit.recent().at(-1)).toMatchObject({ bytesOut: 1024 });
  });

  it('is counted with what its headers carry', async () => {
    const headers: HeaderField[] = [TEXT, ['x-own', 'abc']];
    expect((await ask(of(1016), { headers })).answer.streamed).toBe('complete');
    const over = await ask(of(1017), { headers });
    expect({ left: over.left?.length, streamed: over.answer.streamed }).toEqual({ left: 1016, streamed: 'broken' });
  });

  it('that declares more than the owner lets out is refused before it begins', async () => {
    expect((await ask(of(1024, 1024))).answer.streamed).toBe('complete');
    const source = new Watched({ rest: new Uint8Array(1025) });
    const asked = await ask({ source, length: 1025 });
    expect(codeOf(asked)).toBe('ERR_POLICY_DENIED_RESULT');
    expect({ left: asked.left, isCancelled: source.isCancelled }).toEqual({ left: null, isCancelled: true });
    expect(reasons(asked)).toEqual(['ERR_POLICY_DENIED_RESULT']);
  });

  it.each([
    ['of a type that is not listed', [['content-type', 'text/html']] as const],
    ['of no type', []],
  ])('%s is refused, even if it turned out empty', async (_what, headers) => {
    const asked = await ask(of(0), { headers });
    expect(codeOf(asked)).toBe('ERR_POLICY_DENIED_RESULT');
    expect(asked.left).toBe(null);
  });

  it('with other bytes than it declares is not complete', async () => {
    const short = await ask(of(10, 11));
    expect(short.answer.streamed).toBe('broken');
    expect(reasons(short)).toEqual(['begun', 'HTTP-response-incomplete']);
    const long = await ask(of(12, 11));
    expect({ left: long.left?.length, streamed: long.answer.streamed }).toEqual({ left: 11, streamed: 'broken' });
  });

  it('that broke off, or that nobody reads, is not complete', async () => {
    const cut = await ask({ source: brokenOff(new Uint8Array(5)), length: null });
    expect({ left: cut.left?.length, streamed: cut.answer.streamed }).toEqual({ left: 5, streamed: 'broken' });
    expect(reasons(cut)).toEqual(['begun', 'HTTP-response-incomplete']);
    const gone = await ask(of(5), { isGone: true });
    expect(gone.answer.streamed).toBe('broken');
    expect(reasons(gone)).toEqual(['begun', 'ERR_TRANSPORT_CLOSED']);
  });

  it('does not begin when that cannot be written down, and does not end when that cannot', async () => {
    const failAt = (number: number): AuditSink => {
      let count = 0;
      return () => {
        count += 1;
        if (count === number) throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'full');
      };
    };
    const source = new Watched({ rest: new Uint8Array(5) });
    const first = await ask({ source, length: null }, { sink: failAt(1) });
    expect({ left: first.left, streamed: first.answer.streamed, isCancelled: source.isCancelled }).toEqual({
      left: null,
      streamed: undefined,
      isCancelled: true,
    });
    const last = await ask(of(5), { sink: failAt(2) });
    expect({ left: last.left?.length, streamed: last.answer.streamed }).toEqual({ left: 5, streamed: undefined });
  });
});

describe('a streamed query', () => {
  it('reaches the function as it comes, and is counted', async () => {
    const asked = await ask(new Uint8Array(), { headers: [], sent: of(300_000) });
    expect(asked.called[0]?.body).toMatchObject({ length: null });
    expect(asked.audit.recent()).toMatchObject([{ reason: 'ok', bytesIn: 300_000 }]);
  });

  it.each([
    ['the right digest', 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', 'ok'],
    ['a wrong one', 'sha-256=:48DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', 'ERR_POLICY_CALLER'],
  ])('that somebody vouches for is read whole before the function sees any of it: %s', async (_what, value, reason) => {
    // Opened, it would be another body than the one that is read.
    const asked = await ask(new Uint8Array(), { headers: [], sent: of(300_000), more: [['content-digest', value]] });
    expect(reasons(asked)).toEqual([reason]);
    expect(asked.called.map(({ body }) => body)).toEqual(reason === 'ok' ? [new Uint8Array()] : []);
  });

  it('is over its cap when it is, whatever the function made of the beginning', async () => {
    const endless: ByteSource = {
      state: 'open',
      available: PIECE.length,
      take: (most) => PIECE.subarray(0, most),
      changed: () => Promise.resolve(),
      cancel: () => undefined,
    };
    const asked = await ask(new Uint8Array(), { headers: [], sent: { source: endless, length: null } });
    expect(codeOf(asked)).toBe('ERR_POLICY_REQUEST');
    expect(asked.audit.recent()).toMatchObject([{ reason: 'ERR_POLICY_REQUEST', bytesIn: LIMITS.streamBytes }]);
  });
});
