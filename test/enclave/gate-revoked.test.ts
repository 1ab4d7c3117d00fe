/** Callers whose proof an owner has taken back: refused at the gate, and their running calls ended when the policy that says so comes into force. */

import { describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { keyCredential, presentCredential } from '../../src/client/credentials.ts';
import { openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { type GateAnswer, type GateRequest, openGate } from '../../src/enclave/gate.ts';
import { WholeBytes } from '../../src/enclave/sandbox/body.ts';
import type { LoadedFunction } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { TransportError } from '../../src/errors.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { functions, makeSigningKey, policyOf } from '../e2e/worker.ts';
import { bodyParts } from './bodies.ts';
import { NO_KEY_SETS } from './callers/no-key-sets.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const CHANNEL = new Uint8Array(32).fill(7);
const ada = makeSigningKey();
const bob = makeSigningKey();
const sections = (revoked = ''): string => `
callers:
  ada: { key: "${ada.text}" }
  bob: { key: "${bob.text}" }
queries: [{ allow: [ada, bob], to: POST /upper }]
results: { max: 10 B, types: [text/plain] }
${revoked}
`;
const before = policyOf(['upper'], sections());
const after = policyOf(['upper'], sections(`revoked: [{ key: "${ada.text}" }]`));
type CallTerms = Parameters<LoadedFunction['call']>[1];
type CallAnswer = Awaited<ReturnType<LoadedFunction['call']>>;
const FINE: GateAnswer = { status: 200, headers: [['content-type', 'text/plain']], body: Buffer.from('fine') };

/** A gate whose function answers when it is told to, and ends a call when its end is asked for. */
function openWorld(
  policy: OwnerPolicy,
  streams: ((whenGone: CallTerms['whenGone']) => Promise<CallAnswer>) | null = null,
) {
  const waiting: { answer: () => void; ended: boolean }[] = [];
  const started = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const loaded: LoadedFunction = {
    call: (_request, { whenGone }) => {
      if (streams !== null) return streams(whenGone);
      const { promise, resolve, reject } = Promise.withResolvers<GateAnswer>();
      const call = { answer: () => resolve(FINE), ended: false };
      started[waiting.push(call) - 1]?.resolve();
      whenGone(() => {
        call.ended = true;
        reject(new TransportError('ERR_TRANSPORT_CLOSED', 'ended'));
      });
      return promise;
    },
    close: () => Promise.resolve(),
  };
  const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink: 'memory-only' });
  const digest = formatDigest(sha256(functions.get('upper') ?? new Uint8Array()));
  const egress = (): Promise<{ error: string }> => Promise.resolve({ error: 'HTTP-request-denied' });
  const owners = [{ policy, replay: openReplayCache(REPLAY_CACHE) }];
  const gate = openGate({
    functions: new Map([
      ['upper', { digest, loaded, deadlineMs: 1000, egress, sockets: NO_SOCKET_EGRESS, waitsFor: () => null, owners }],
    ]),
    audit,
    keySets: NO_KEY_SETS,
    budget: openBudget(100),
    maxQueries: 10,
    now: () => NOW,
  });
  return { gate, audit, waiting, started: started.map(({ promise }) => promise) };
}

async function ask(
  { gate }: ReturnType<typeof openWorld>,
  key: typeof ada,
  stream: GateRequest['stream'] = () => Promise.resolve(false),
): Promise<{ status: number; problem: string; streamed: GateAnswer['streamed'] }> {
  const body = new TextEncoder().encode('hi');
  const own: [string, string][] = [['content-length', '2']];
  const request = {
    method: 'POST',
    url: new URL('https://worker.test/upper'),
    headers: own,
    body,
    channel: CHANNEL,
    now: NOW,
  };
  const proof = await presentCredential(keyCredential(key), request);
  const {
    status,
    body: answer,
    streamed,
  } = await gate.answer({
    method: 'POST',
    target: '/upper',
    authority: 'worker.test',
    headers: [['host', 'worker.test'], ...own, ...proof],
    peerCertificates: [],
    channel: CHANNEL,
    ...bodyParts(() => Promise.resolve(body)),
    stream,
  });
  return { status, problem: Buffer.from(answer).toString(), streamed };
}

describe('a caller whose key is revoked', () => {
  it('is refused with owner, line and code; the function is not called', async () => {
    const world = openWorld(after);
    const { status, problem } = await ask(world, ada);
    expect(status).toBe(403);
    expect(JSON.parse(problem)).toMatchObject({
      code: 'ERR_POLICY_CALLER_REVOKED',
      owner: 'hospital-a',
      rule: 'hospital-a.yaml:13',
      detail: 'This key of "ada" was revoked by hospital-a.',
    });
    expect(world.waiting).toEqual([]);
    expect(world.audit.recent()).toMatchObject([{ outcome: 'deny', reason: 'ERR_POLICY_CALLER_REVOKED', bytesIn: 0 }]);
  });

  it('is not someone else under the same policy', async () => {
    const world = openWorld(after);
    const answer = ask(world, bob);
    await world.started[0];
    world.waiting[0]?.answer();
    expect(await answer).toMatchObject({ status: 200, problem: 'fine' });
  });
});

describe('when a policy that revokes comes into force', () => {
  it('the running call of the caller ends at once with the denial, and the one beside it goes on', async () => {
    const world = openWorld(before);
    const [hers, his] = [ask(world, ada), ask(world, bob)];
    await Promise.all(world.started);
    expect(world.gate.endCallsOf(after)).toBe(1);
    expect(JSON.parse((await hers).problem)).toMatchObject({ code: 'ERR_POLICY_CALLER_REVOKED', owner: 'hospital-a' });
    expect(world.waiting.filter(({ ended }) => ended)).toHaveLength(1);
    for (const call of world.waiting) call.answer();
    expect(await his).toMatchObject({ status: 200, problem: 'fine' });
    expect(world.audit.recent().map(({ caller, reason }) => [caller?.name, reason])).toEqual([
      ['ada', 'ERR_POLICY_CALLER_REVOKED'],
      ['bob', 'ok'],
    ]);
  });

  it('an answer that streams breaks off: it does not look complete, and the log says why', async () => {
    const streaming = Promise.withResolvers<void>();
    const over = Promise.withResolvers<boolean>();
    const world = openWorld(before, (whenGone) => {
      whenGone(() => over.resolve(false));
      const source = new WholeBytes({ rest: Buffer.from('part') });
      return Promise.resolve({ status: 200, headers: FINE.headers, body: { source, length: null } });
    });
    const answer = ask(world, ada, () => {
      streaming.resolve();
      return over.promise;
    });
    await streaming.promise;
    expect(world.gate.endCallsOf(after)).toBe(1);
    expect((await answer).streamed).toBe('broken');
    expect(world.audit.recent().map(({ reason }) => reason)).toEqual(['begun', 'ERR_POLICY_CALLER_REVOKED']);
  });

  it.each([
    ['revokes nothing', before],
    ['is another owner’s', { ...after, owner: 'hospital-b' }],
  ])('no call ends by a policy that %s', async (_name, policy) => {
    const world = openWorld(before);
    const answer = ask(world, ada);
    await world.started[0];
    expect(world.gate.endCallsOf(policy)).toBe(0);
    world.waiting[0]?.answer();
    expect((await answer).status).toBe(200);
  });

  it('a call that is over counts no more', async () => {
    const world = openWorld(before);
    const answer = ask(world, ada);
    await world.started[0];
    world.waiting[0]?.answer();
    await answer;
    expect(world.gate.endCallsOf(after)).toBe(0);
  });
});
