/** A query whose owners change their minds while its body comes in: the function is not asked. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8, parseUtf8 } from '../../src/base/bytes.ts';
import { keyCredential, presentCredential } from '../../src/client/credentials.ts';
import { openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { type GatedFunction, openGate } from '../../src/enclave/gate.ts';
import { openPolicyRegister, openVersionMemory } from '../../src/enclave/policy-register.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { makeSigningKey, policyOf } from '../e2e/worker.ts';
import { bodyParts } from './bodies.ts';
import { NO_KEY_SETS } from './callers/no-key-sets.ts';

const CHANNEL = new Uint8Array(32).fill(7);
const NOW = new Date('2026-11-21T12:00:00Z');
const ada = makeSigningKey();

describe('a query', () => {
  it.each([
    ['is asked where nothing changed', false, 200, 1],
    ['is refused, and nothing of it run, where something did', true, 409, 0],
  ])('%s', async (_what, changes, status, called) => {
    const policy = policyOf(
      ['upper'],
      `callers: { ada: { key: "${ada.text}" } }\nqueries: [{ allow: ada, to: POST /upper }]\nresults: { max: 9 B, types: [text/plain] }`,
    );
    const register = openPolicyRegister([policy], {}, openVersionMemory());
    let calls = 0;
    const stand = (): GatedFunction => ({
      digest: policy.functions[0]?.digest ?? 'sha256:',
      loaded: {
        call: () => {
          calls += 1;
          return Promise.resolve({ status: 200, headers: [['content-type', 'text/plain']], body: encodeUtf8('ok') });
        },
        close: () => Promise.resolve(),
      },
      deadlineMs: 1000,
      egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
      sockets: NO_SOCKET_EGRESS,
      waitsFor: () => null,
      owners: register.standings,
    });
    let now = stand();
    const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink: 'memory-only' });
    const gate = openGate({
      functions: { get: () => now },
      audit,
      budget: openBudget(10),
      keySets: NO_KEY_SETS,
      maxQueries: 4,
      now: () => NOW,
    });
    const body = encodeUtf8('hello');
    const url = new URL('https://worker.test/upper');
    const headers = await presentCredential(keyCredential(ada), {
      method: 'POST',
      url,
      headers: [],
      body,
      channel: CHANNEL,
      now: NOW,
    });
    const answer = await gate.answer({
      method: 'POST',
      target: '/upper',
      authority: url.host,
      headers,
      peerCertificates: [],
      channel: CHANNEL,
      ...bodyParts(() => {
        if (changes) now = stand();
        return Promise.resolve(body);
      }),
    });
    expect([answer.status, calls, parseUtf8(answer.body)?.includes('ERR_TRANSPORT_OUTDATED')]).toEqual([
      status,
      called,
      changes,
    ]);
    expect(audit.recent().at(-1)?.reason).toBe(changes ? 'ERR_TRANSPORT_OUTDATED' : 'ok');
  });
});
