/** The gate without sockets: what is refused never reaches the function, its body is not read, and each decision is one record. */

import { describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { keyCredential, presentCredential } from '../../src/client/credentials.ts';
import { type AuditLog, type AuditSink, openAuditLog } from '../../src/enclave/audit.ts';
import { openBudget } from '../../src/enclave/budget.ts';
import { openReplayCache, REPLAY_CACHE } from '../../src/enclave/callers/replay-cache.ts';
import { type Gate, type GateAnswer, type GateRequest, openGate } from '../../src/enclave/gate.ts';
import type { FunctionRequest, LoadedFunction } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { ConfigurationError, ERRORS, type ErrorCode, FunctionError } from '../../src/errors.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';
import { functions, makeSigningKey, policyOf } from '../e2e/worker.ts';
import { bodyParts } from './bodies.ts';
import { NO_KEY_SETS } from './callers/no-key-sets.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const CHANNEL = new Uint8Array(32).fill(7);
const ada = makeSigningKey();
const bob = makeSigningKey();
const SECTIONS = `
callers:
  ada: { key: "${ada.text}" }
  bob: { key: "${bob.text}" }
queries:
  - { allow: ada, to: POST /upper }
  - { allow: ada, to: POST /upper/twice, limit: 2/day }
results: { max: 10 B, types: [text/plain] }
`;

interface World {
  readonly gate: Gate;
  readonly audit: AuditLog;
  /** What reached the function. */
  readonly called: FunctionRequest[];
  /** How often a body was read. */
  reads: number;
}

function openWorld(
  policies: readonly OwnerPolicy[],
  answer: (request: FunctionRequest) => Promise<GateAnswer>,
  maxQueries = 10,
  replay = openReplayCache(REPLAY_CACHE),
  sink: AuditSink | 'memory-only' = 'memory-only',
  budget = openBudget(100),
  waitsFor: () => FunctionError | null = () => null,
): World {
  const called: FunctionRequest[] = [];
  const loaded: LoadedFunction = {
    call: async (request) => {
      called.push(request);
      return await answer(request);
    },
    close: () => Promise.resolve(),
  };
  const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink });
  const digest = formatDigest(sha256(functions.get('upper') ?? new Uint8Array()));
  const owners = policies.map((policy, i) => ({ policy, replay: i === 0 ? replay : openReplayCache(REPLAY_CACHE) }));
  const egress = (): Promise<{ error: string }> => Promise.resolve({ error: 'HTTP-request-denied' });
  const gate = openGate({
    keySets: NO_KEY_SETS,
    functions: new Map([
      ['upper', { digest, loaded, deadlineMs: 1000, egress, sockets: NO_SOCKET_EGRESS, waitsFor, owners }],
    ]),
    audit,
    budget,
    maxQueries,
    now: () => NOW,
  });
  return { gate, audit, called, reads: 0 };
}

const OK: GateAnswer = { status: 200, headers: [['content-type', 'text/plain']], body: Buffer.from('fine') };
const fine = (): Promise<GateAnswer> => Promise.resolve(OK);

async function requestOf(
  world: World,
  options: {
    key?: typeof ada | null;
    method?: string;
    target?: string;
    body?: string;
    headers?: [string, string][];
    sent?: string;
  },
): Promise<GateRequest> {
  const { key = ada, method = 'POST', target = '/upper', body = 'hi', headers = [] } = options;
  const bytes = new TextEncoder().encode(body);
  const own: [string, string][] = [['content-length', String(bytes.length)], ...headers];
  const proof = await presentCredential(key === null ? null : keyCredential(key), {
    method,
    url: new URL(target, 'https://worker.test'),
    headers: own,
    body: bytes,
    channel: CHANNEL,
    now: NOW,
  });
  return {
    method,
    target,
    authority: 'worker.test',
    headers: [['host', 'worker.test'], ...own, ...proof],
    peerCertificates: [],
    channel: CHANNEL,
    ...bodyParts(() => {
      world.reads += 1;
      return Promise.resolve(new TextEncoder().encode(options.sent ?? body));
    }),
  };
}

async function ask(
  world: World,
  options: Parameters<typeof requestOf>[1] = {},
): Promise<{ status: number; code: string | null; answer: GateAnswer }> {
  const answer = await world.gate.answer(await requestOf(world, options));
  const type = answer.headers.find(([name]) => name === 'content-type')?.[1];
  const text = Buffer.from(answer.body).toString();
  const code = type === 'application/problem+json' ? String((JSON.parse(text) as { code?: string }).code) : null;
  return { status: answer.status, code, answer };
}

describe('the gate', () => {
  const policy = policyOf(['upper'], SECTIONS);

  it('answers a listed caller, and writes one record', async () => {
    const world = openWorld([policy], fine);
    expect(await ask(world)).toMatchObject({ status: 200, code: null });
    expect(world.called).toMatchObject([{ method: 'POST', path: '/', authority: 'worker.test' }]);
    expect(world.audit.recent()).toMatchObject([
      {
        kind: 'query',
        outcome: 'allow',
        owner: 'hospital-a',
        caller: { name: 'ada' },
        bytesIn: 2,
        bytesOut: 4,
        reason: 'ok',
      },
    ]);
  });

  it.each<[string, Parameters<typeof requestOf>[1], number, ErrorCode]>([
    ['a caller who is not listed', { key: bob }, 403, 'ERR_POLICY_DENIED_QUERY'],
    ['nobody', { key: null }, 403, 'ERR_POLICY_DENIED_QUERY'],
    ['a key nobody knows', { key: makeSigningKey() }, 401, 'ERR_POLICY_CALLER'],
    ['another method', { method: 'PUT' }, 403, 'ERR_POLICY_DENIED_QUERY'],
    ['another path', { target: '/upper/other' }, 403, 'ERR_POLICY_DENIED_QUERY'],
    ['a path that is not normal', { key: null, target: '/upper/%2e%2e/upper' }, 400, 'ERR_POLICY_REQUEST'],
    ['a path with an empty segment', { key: null, target: '/upper//' }, 400, 'ERR_POLICY_REQUEST'],
  ])('refuses %s; the function is not called and the body not read', async (_name, options, status, code) => {
    const world = openWorld([policy], fine);
    const told = await ask(world, options);
    expect(told).toMatchObject({ status, code });
    expect(JSON.parse(Buffer.from(told.answer.body).toString())).toEqual({
      type: 'about:blank',
      title: ERRORS[code].meaning,
      status,
      code,
      detail: expect.stringMatching(/./) as string,
      owner: 'hospital-a',
      rule: expect.stringMatching(/^hospital-a\.yaml:\d+$/) as string,
      hint: expect.stringMatching(/./) as string,
    });
    expect(world.called).toEqual([]);
    expect(world.reads).toBe(0);
    expect(world.audit.recent()).toMatchObject([
      { outcome: 'deny', owner: 'hospital-a', reason: code, bytesIn: 0, bytesOut: 0 },
    ]);
  });

  it('names owner, file and line in a refusal, marked as its own', async () => {
    const { answer } = await ask(openWorld([policy], fine), { key: bob });
    expect(answer.headers).toContainEqual(['anchorhold-refused-by', 'gate']);
    expect(JSON.parse(Buffer.from(answer.body).toString())).toMatchObject({
      owner: 'hospital-a',
      rule: 'hospital-a.yaml:12',
      hint: expect.stringMatching(/hospital-a/) as string,
    });
  });

  it.each([
    ['anyone', bob, true],
    ['callers', bob, true],
    ['callers', null, false],
    ['nobody', bob, false],
  ])('with explain: %s tells as much as the owner lets it', async (explain, key, told) => {
    const { answer } = await ask(openWorld([policyOf(['upper'], `${SECTIONS}explain: ${explain}`)], fine), { key });
    expect(Buffer.from(answer.body).toString().includes('hospital-a')).toBe(told);
    expect(answer.status).toBe(403);
  });

  it('refuses a replayed request', async () => {
    const world = openWorld([policy], fine);
    const request = await requestOf(world, {});
    expect((await world.gate.answer(request)).status).toBe(200);
    expect((await world.gate.answer(request)).status).toBe(401);
    expect(world.called).toHaveLength(1);
  });

  it('refuses a request that was signed for another connection', async () => {
    const world = openWorld([policy], fine);
    const request = await requestOf(world, {});
    expect((await world.gate.answer({ ...request, channel: new Uint8Array(32).fill(8) })).status).toBe(401);
    expect(world.called).toEqual([]);
  });

  it('refuses a body that the signature does not vouch for', async () => {
    const world = openWorld([policy], fine);
    expect(await ask(world, { body: 'hi', sent: 'ho' })).toMatchObject({ status: 401, code: 'ERR_POLICY_CALLER' });
    expect(world.called).toEqual([]);
  });

  it('refuses a query of a function that waits for data, before it costs a budget and before its body is read', async () => {
    let waiting: FunctionError | null = new FunctionError('ERR_FUNCTION_DATA', 'hospital-a has not loaded patients');
    const inMemory = 'memory-only' as const;
    const replay = openReplayCache(REPLAY_CACHE);
    const world = openWorld([policy], fine, 10, replay, inMemory, openBudget(100), () => waiting);
    for (let i = 0; i < 5; i++) {
      const refused = await ask(world, { target: '/upper/twice' });
      expect([refused.status, refused.code]).toEqual([503, 'ERR_FUNCTION_DATA']);
    }
    expect([world.called.length, world.reads]).toEqual([0, 0]);
    expect(world.audit.recent().at(-1)).toMatchObject({ reason: 'ERR_FUNCTION_DATA' });
    // Who may not ask is not told what is missing.
    expect((await ask(world, { target: '/upper/twice', key: bob })).code).toBe('ERR_POLICY_DENIED_QUERY');
    waiting = null;
    expect((await ask(world, { target: '/upper/twice' })).status).toBe(200);
  });

  it('refuses more than the limit, per caller', async () => {
    const world = openWorld([policy], fine);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(world, { target: '/upper/twice' })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(world.called).toHaveLength(2);
    expect(world.audit.recent().at(-1)).toMatchObject({ outcome: 'deny', reason: 'ERR_POLICY_DENIED_LIMIT' });
  });

  it.each([
    ['too many bytes', { ...OK, body: new Uint8Array(11) }],
    ['a type that is not listed', { ...OK, headers: [['content-type', 'text/html']] }],
    ['two types', { ...OK, headers: [...OK.headers, ['content-type', 'text/html']] }],
    ['no type', { ...OK, headers: [] }],
    ['a status that is none', { ...OK, status: 99 }],
  ] as [string, GateAnswer][])('lets no answer out with %s', async (_name, answer) => {
    const world = openWorld([policy], () => Promise.resolve(answer));
    expect(await ask(world)).toMatchObject({ status: 502, code: 'ERR_POLICY_DENIED_RESULT' });
    expect(world.audit.recent()).toMatchObject([{ outcome: 'allow', reason: 'ERR_POLICY_DENIED_RESULT', bytesOut: 0 }]);
  });

  it('counts what a function writes into headers and parameters as part of the answer', async () => {
    for (const headers of [
      [...OK.headers, ['x-data', 'y'] as const],
      [['content-type', 'text/plain; secret=12345']] as const,
      [['content-type', 'text/plain'], ...Array.from({ length: 7 }, () => ['a', ''] as const)] as const,
    ]) {
      const world = openWorld([policy], () => Promise.resolve({ ...OK, headers }));
      expect(await ask(world)).toMatchObject({ status: 502, code: 'ERR_POLICY_DENIED_RESULT' });
    }
    const fits = { ...OK, headers: [...OK.headers, ['x-a', '123'] as const] };
    const world = openWorld([policy], () => Promise.resolve(fits));
    expect(await ask(world)).toMatchObject({ status: 200 });
    expect(world.audit.recent()).toMatchObject([{ bytesOut: 10 }]);
  });

  it('takes its own mark out of what a function answers', async () => {
    const forged = { ...OK, headers: [...OK.headers, ['anchorhold-refused-by', 'gate'] as const] };
    const { answer } = await ask(openWorld([policy], () => Promise.resolve(forged)));
    expect(answer.headers).toEqual(OK.headers);
  });

  it.each([
    ['a typed error', new FunctionError('ERR_FUNCTION_DEADLINE', 'slow'), 504, 'ERR_FUNCTION_DEADLINE'],
    ['any other error', new TypeError('secret detail'), 503, 'ERR_FUNCTION_UNAVAILABLE'],
  ])('turns %s of the function into an answer that says nothing of its inside', async (_name, error, status, code) => {
    const world = openWorld([policy], () => Promise.reject(error));
    const asked = await ask(world);
    expect(asked).toMatchObject({ status, code });
    expect(Buffer.from(asked.answer.body).toString()).not.toContain('secret detail');
    expect(world.audit.recent()).toMatchObject([{ outcome: 'allow', reason: code }]);
  });

  it.each([
    [
      'the one that an error names',
      new FunctionError('ERR_FUNCTION_CIRCUIT', 'held back', { retryAfterSeconds: 7 }),
      ['7'],
    ],
    ['a second, where a function is only busy', new FunctionError('ERR_FUNCTION_UNAVAILABLE', 'busy'), ['1']],
    ['none, where it is no use to come back', new FunctionError('ERR_FUNCTION_TRAP', 'trapped'), []],
  ])('says when to ask again: %s', async (_name, error, expected) => {
    const { answer } = await ask(openWorld([policy], () => Promise.reject(error)));
    expect(answer.headers.flatMap(([name, value]) => (name === 'retry-after' ? [value] : []))).toEqual(expected);
  });

  it('hands a function nothing that proves who asks', async () => {
    const world = openWorld([policy], fine);
    await ask(world, {
      headers: [
        ['cookie', 'a=b'],
        ['x-own', '1'],
        ['proxy-authorization', 'x'],
      ],
    });
    expect(world.called[0]?.headers.map(([name]) => name).sort()).toEqual([
      'content-digest',
      'content-length',
      'x-own',
    ]);
  });

  it('gives a function the rest of the path and the query string', async () => {
    const world = openWorld([policy], fine);
    await ask(world, { target: '/upper?a=1' });
    await ask(world, { target: '/upper/twice?b' });
    expect(world.called.map((request) => request.path)).toEqual(['/?a=1', '/twice?b']);
  });

  it('knows no other functions', async () => {
    const world = openWorld([policy], fine);
    for (const target of ['/', '/other', '/uppe', '/upper2', '//upper', '*', '/__proto__']) {
      expect((await world.gate.answer({ ...(await requestOf(world, {})), target })).status).toBe(404);
    }
    expect(world.called).toEqual([]);
    expect(world.audit.recent()).toHaveLength(7);
    expect(world.audit.recent()[1]).toMatchObject({
      outcome: 'deny',
      owner: '',
      function: 'other',
      target: 'POST other',
      reason: 'ERR_FUNCTION_UNKNOWN',
    });
  });

  it('keeps no more of an unknown name than a record needs', async () => {
    const world = openWorld([policy], fine);
    await world.gate.answer({ ...(await requestOf(world, {})), target: `/${'x'.repeat(15_000)}` });
    expect(world.audit.recent()[0]?.function).toHaveLength(64);
    expect(world.audit.recent()[0]?.target.length).toBeLessThan(80);
  });

  it('refuses what it cannot remember, with a record', async () => {
    const world = openWorld([policy], fine, 10, openReplayCache({ maxNonces: 1, maxNoncesPerKey: 1 }));
    expect(await ask(world)).toMatchObject({ status: 200 });
    expect(await ask(world)).toMatchObject({ status: 503, code: 'ERR_TRANSPORT_OVERLOADED' });
    expect(world.called).toHaveLength(1);
    expect(world.audit.recent()).toMatchObject([
      { outcome: 'allow' },
      { outcome: 'deny', reason: 'ERR_TRANSPORT_OVERLOADED' },
    ]);
  });

  it('answers nothing that it cannot write down', async () => {
    const world = openWorld([policy], fine, 10, openReplayCache(REPLAY_CACHE), () => {
      throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'the disk is full');
    });
    for (const options of [{}, { key: bob }, { target: '/none' }]) {
      const { answer, code } = await ask(world, options);
      expect(code).toBe('ERR_CONFIGURATION_FILE');
      expect(Buffer.from(answer.body).toString()).not.toContain('fine');
    }
  });

  it('refuses when too much is under way, and takes queries again after that', async () => {
    const { promise, resolve } = Promise.withResolvers<GateAnswer>();
    const world = openWorld([policy], () => promise, 1);
    const first = ask(world);
    await expect.poll(() => world.called.length).toBe(1);
    expect(await ask(world)).toMatchObject({ status: 503, code: 'ERR_TRANSPORT_OVERLOADED' });
    expect(world.audit.recent()).toMatchObject([{ outcome: 'deny', reason: 'ERR_TRANSPORT_OVERLOADED' }]);
    resolve(OK);
    expect((await first).status).toBe(200);
    expect((await ask(world)).status).toBe(200);
  });

  it('lets no caller take every place, and gives each back', async () => {
    const { promise, resolve } = Promise.withResolvers<GateAnswer>();
    const both = policyOf(
      ['upper'],
      SECTIONS.replace('allow: ada, to: POST /upper }', 'allow: [ada, bob], to: POST /upper }'),
    );
    const world = openWorld([both], () => promise, 4);
    const running = [ask(world), ask(world)];
    await expect.poll(() => world.called.length).toBe(2);
    expect(await ask(world)).toMatchObject({ status: 503, code: 'ERR_TRANSPORT_OVERLOADED' });
    expect(world.audit.recent()).toMatchObject([{ caller: { name: 'ada' }, reason: 'ERR_TRANSPORT_OVERLOADED' }]);
    running.push(ask(world, { key: bob }));
    await expect.poll(() => world.called.length).toBe(3);
    resolve(OK);
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await Promise.all([ask(world), ask(world)])).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('takes no place for a query that a limit refuses', async () => {
    const world = openWorld([policy], fine, 2);
    const codes: (string | null)[] = [];
    for (let i = 0; i < 4; i++) codes.push((await ask(world, { target: '/upper/twice' })).code);
    expect(codes).toEqual([null, null, 'ERR_POLICY_DENIED_LIMIT', 'ERR_POLICY_DENIED_LIMIT']);
  });
});

describe('the gate with several owners', () => {
  const named = (owner: string, sections: string): OwnerPolicy => ({ ...policyOf(['upper'], sections), owner });
  const wide = named('hospital-b', SECTIONS);
  const narrow = named(
    'hospital-c',
    SECTIONS.replace('allow: ada, to: POST /upper }', 'allow: bob, to: POST /upper }'),
  );

  it('allows what all of them allow', async () => {
    expect(await ask(openWorld([policyOf(['upper'], SECTIONS), wide], fine))).toMatchObject({ status: 200 });
  });

  it('refuses what one of them refuses, and names that one', async () => {
    const world = openWorld([policyOf(['upper'], SECTIONS), narrow], fine);
    const { answer, code } = await ask(world);
    expect(code).toBe('ERR_POLICY_DENIED_QUERY');
    expect(Buffer.from(answer.body).toString()).toContain('"owner":"hospital-c"');
    expect(world.called).toEqual([]);
  });

  it('costs the first owner nothing when the second refuses', async () => {
    const limited = (owner: string, perDay: number): OwnerPolicy =>
      named(owner, SECTIONS.replace('limit: 2/day', `limit: ${perDay}/day`));
    const twice = limited('hospital-a', 2);
    const once = limited('hospital-b', 1);
    const budget = openBudget(100);
    const both = openWorld([twice, once], fine, 10, undefined, undefined, budget);
    const alone = openWorld([twice], fine, 10, undefined, undefined, budget);
    const target = '/upper/twice';
    expect((await ask(both, { target })).status).toBe(200);
    for (let i = 0; i < 3; i++) expect((await ask(both, { target })).status).toBe(429);
    expect((await ask(alone, { target })).status).toBe(200);
    expect((await ask(alone, { target })).status).toBe(429);
  });

  it('counts rules apart that stand on one line of the file', async () => {
    const queries =
      'queries: [{ allow: ada, to: POST /upper, limit: 5/day }, { allow: ada, to: POST /upper/twice, limit: 1/minute }]';
    const oneLine = policyOf(['upper'], SECTIONS.replace(/queries:[\s\S]*?(?=results)/, `${queries}\n`));
    const world = openWorld([oneLine], fine);
    const statuses = [];
    for (const target of ['/upper', '/upper', '/upper', '/upper/twice', '/upper/twice', '/upper', '/upper', '/upper']) {
      statuses.push((await ask(world, { target })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 429, 200, 200, 429]);
  });

  it('refuses everything when no owner lists the function', async () => {
    const world = openWorld([], fine);
    expect(await ask(world, { key: null })).toMatchObject({ status: 403, code: 'ERR_POLICY_NOT_IN_FORCE' });
    expect(world.called).toEqual([]);
  });
});
