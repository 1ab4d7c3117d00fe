/** Owners change what is in force in a running worker: who may, what must be signed, and what each refusal leaves as it was. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeHex } from '../../src/base/bytes.ts';
import { formatDigest } from '../../src/base/digest.ts';
import type { OwnerChannel } from '../../src/client/owner-channel.ts';
import { verifyNotice } from '../../src/policy/signing/notice.ts';
import { codeOf } from '../policy/signing/keys.ts';
import {
  anyPolicies,
  listed,
  openChannel,
  ownerKeys,
  type PolicyText,
  parsePolicy,
  policyRequest,
  policyText,
  revokeRequest,
} from './owner.ts';
import { bootTestWorker, makeSigningKey, type TestWorker } from './worker.ts';

const caller = makeSigningKey();
const [first, second, third] = await ownerKeys(3);
const [newcomer] = await ownerKeys(1);
if (first === undefined || second === undefined || third === undefined || newcomer === undefined)
  throw new Error('no keys');
const sections = `
callers: { nightly: { key: "${caller.text}" } }
queries: [{ allow: nightly, to: POST /upper }]
results: { max: 1 KiB, types: [application/octet-stream] }
`;
const base: PolicyText = {
  functions: { upper: listed('upper') },
  keys: [first, second, third],
  needed: 2,
  sections,
};
const one = policyText({ ...base, version: 3 });
const two = policyText({ ...base, version: 4 });

const boot = (): Promise<TestWorker> =>
  bootTestWorker({
    policies: [parsePolicy(one)],
    functions: ['upper'],
    owners: { 'hospital-b': { keys: [newcomer.spki], needed: 1 } },
  });
let t: TestWorker;
let channel: OwnerChannel;
beforeAll(async () => {
  t = await boot();
});
beforeEach(async () => {
  channel = await openChannel(t.trust);
});
afterEach(async () => {
  await channel[Symbol.asyncDispose]();
  if (JSON.stringify(t.worker.policies) === JSON.stringify({ 'hospital-a': parsePolicy(one).digest })) return;
  await t[Symbol.asyncDispose]();
  t = await boot();
});
afterAll(async () => {
  await t[Symbol.asyncDispose]();
});

/** Asks on a channel that accepts whatever is in force. */
async function ask(request: Parameters<OwnerChannel['request']>[0]): ReturnType<OwnerChannel['request']> {
  await using open = await openChannel(anyPolicies(t.trust));
  return await open.request(request);
}

const inForce = (): unknown => t.worker.policies;

describe('a new version', () => {
  it('comes into force with the signatures that the version in force demands, and the worker signs what it did', async () => {
    const { notice, signed } = await channel.request(await policyRequest(two, [first, third]));
    const [before, after] = [parsePolicy(one), parsePolicy(two)];
    expect(inForce()).toEqual({ 'hospital-a': after.digest });
    expect(notice).toMatchObject({
      kind: 'policy',
      owner: 'hospital-a',
      before: { version: 3, digest: before.digest },
      after: { version: 4, digest: after.digest },
      log: { size: 1 },
    });
    const worker = { tls: channel.claims.tls, instance: encodeHex(channel.claims.instance) };
    expect(await verifyNotice(signed, worker)).toEqual(notice);
    const changes: [string, (text: string) => string, typeof worker?][] = [
      ['another version', (text) => text.replace('"version": 4', '"version": 5')],
      ['another signature', (text) => text.replace(/\.\.(.)/, (_all, c: string) => `..${c === 'A' ? 'B' : 'A'}`)],
      ['another header', (text) => text.replace('"signature": "eyJ', '"signature": "eyK')],
      ['another worker', (text) => text, { ...worker, tls: new Uint8Array(32) }],
      ['another run', (text) => text, { ...worker, instance: '00'.repeat(16) }],
      ['nothing at all', () => '{}'],
    ];
    for (const [what, change, of = worker] of changes)
      expect([what, await codeOf(() => verifyNotice(change(signed), of))]).toEqual([what, 'ERR_POLICY_STATEMENT']);
  });

  it('is in the claims of the next connection, and a trust file that names the old one refuses it', async () => {
    await channel.request(await policyRequest(two, [first, second]));
    expect(await codeOf(() => openChannel(t.trust))).toBe('ERR_NOT_ISOLATED_POLICY');
    await using next = await openChannel(anyPolicies(t.trust));
    expect(formatDigest(next.claims.policies['hospital-a'] ?? new Uint8Array())).toBe(parsePolicy(two).digest);
  });

  it.each<[string, PolicyText, readonly (typeof first)[], string]>([
    ['no signature', { version: 4 }, [], 'ERR_POLICY_SIGNATURE'],
    ['one of two signatures', { version: 4 }, [first], 'ERR_POLICY_SIGNATURE'],
    ['one signature twice', { version: 4 }, [first, first], 'ERR_POLICY_STATEMENT'],
    ['one signature by a stranger', { version: 4 }, [first, newcomer], 'ERR_POLICY_SIGNATURE'],
    [
      'only signatures that the new one itself asks for',
      { version: 4, keys: [newcomer], needed: 1 },
      [newcomer],
      'ERR_POLICY_SIGNATURE',
    ],
    [
      'the version in force',
      { version: 3, valid: '{ from: 2020-01-02, until: 2099-01-01 }' },
      [first, second],
      'ERR_POLICY_NOT_IN_FORCE',
    ],
    ['an older version', { version: 2 }, [first, second], 'ERR_POLICY_NOT_IN_FORCE'],
    [
      'a time that is over',
      { version: 4, valid: '{ from: 2020-01-01, until: 2021-01-01 }' },
      [first, second],
      'ERR_POLICY_NOT_IN_FORCE',
    ],
    [
      'a time to come',
      { version: 4, valid: '{ from: 2098-01-01, until: 2099-01-01 }' },
      [first, second],
      'ERR_POLICY_NOT_IN_FORCE',
    ],
    [
      'a test that fails',
      { version: 4, sections: `${sections}tests: [{ caller: nobody, query: POST /upper, expect: allow }]` },
      [first, second],
      'ERR_POLICY_TEST_FAILED',
    ],
    [
      'a machine that this is not',
      {
        version: 4,
        sections: `${sections}machine: { products: [Turin], tcb: any, smt: any, images: [${'00'.repeat(48)}] }`,
      },
      [first, second],
      'ERR_POLICY_NOT_IN_FORCE',
    ],
    ['an owner whom nobody let in', { version: 4, owner: 'hospital-c' }, [first, second], 'ERR_POLICY_SIGNATURE'],
  ])('with %s changes nothing', async (_what, change, keys, code) => {
    const before = inForce();
    const request = await policyRequest(policyText({ ...base, ...change }), keys);
    expect(await codeOf(() => channel.request(request))).toBe(code);
    expect(inForce()).toEqual(before);
  });

  it.each(['owner', 'version', 'digest'] as const)('that is not what was signed (%s) changes nothing', async (key) => {
    const good = await policyRequest(two, [first, second]);
    const other = await policyRequest(policyText({ ...base, version: 5, needed: 1 }), [first, second]);
    const renamed = await policyRequest(policyText({ ...base, owner: 'hospital-b', version: 4 }), [newcomer]);
    const request =
      key === 'version'
        ? { ...good, policy: other.policy }
        : key === 'digest'
          ? { ...good, policy: { ...good.policy, source: policyText({ ...base, version: 4, needed: 1 }) } }
          : { ...renamed, policy: good.policy };
    expect(await codeOf(() => channel.request(request))).toBe('ERR_POLICY_STATEMENT');
    expect(inForce()).toEqual({ 'hospital-a': parsePolicy(one).digest });
  });

  it('cannot come twice, nor an older one after it', async () => {
    await ask(await policyRequest(two, [first, second]));
    expect(await codeOf(async () => await ask(await policyRequest(two, [first, second])))).toBe(
      'ERR_POLICY_NOT_IN_FORCE',
    );
    expect(await codeOf(async () => await ask(await policyRequest(one, [first, second])))).toBe(
      'ERR_POLICY_NOT_IN_FORCE',
    );
  });

  it('after one without a section changes comes from nobody', async () => {
    await ask(await policyRequest(policyText({ ...base, version: 4, keys: [] }), [first, second]));
    const next = await policyRequest(policyText({ ...base, version: 5 }), [first, second, third]);
    expect(await codeOf(() => ask(next))).toBe('ERR_POLICY_SIGNATURE');
  });
});

describe('an owner who comes later', () => {
  it('is let in by the keys of the configuration, and from then on by those of its own policy', async () => {
    const own = { ...base, owner: 'hospital-b', keys: [second], needed: 1 };
    const { notice } = await ask(await policyRequest(policyText(own), [newcomer]));
    expect(notice.before).toBeNull();
    expect(Object.keys(t.worker.policies)).toEqual(['hospital-a', 'hospital-b']);
    const next = policyText({ ...own, version: 2 });
    expect(await codeOf(async () => await ask(await policyRequest(next, [newcomer])))).toBe('ERR_POLICY_SIGNATURE');
    expect(await codeOf(async () => await ask(await policyRequest(next, [second])))).toBeNull();
  });

  it('is kept out by a signature of another key', async () => {
    const request = await policyRequest(policyText({ ...base, owner: 'hospital-b' }), [first]);
    expect(await codeOf(() => channel.request(request))).toBe('ERR_POLICY_SIGNATURE');
    expect(Object.keys(t.worker.policies)).toEqual(['hospital-a']);
  });
});

describe('a withdrawal', () => {
  it('takes the policy out of force and its functions out of work, and no older version comes back', async () => {
    const { notice } = await channel.request(await revokeRequest(channel, parsePolicy(one), [first, second]));
    expect(notice).toMatchObject({ kind: 'revoke', before: { version: 3 }, after: null });
    expect(t.worker.policies).toEqual({});
    expect(t.worker.functions).toEqual({});
    expect(await codeOf(async () => await ask(await policyRequest(one, [first, second])))).toBe(
      'ERR_POLICY_NOT_IN_FORCE',
    );
    expect(await codeOf(async () => await ask(await policyRequest(two, [first])))).toBe('ERR_POLICY_SIGNATURE');
    await ask(await policyRequest(two, [first, second]));
    expect(Object.keys(t.worker.functions)).toEqual(['upper']);
  });

  it.each<[string, (request: Awaited<ReturnType<typeof revokeRequest>>) => Promise<typeof request>, string]>([
    ['one of two signatures', async (r) => ({ ...r, signatures: r.signatures.slice(0, 1) }), 'ERR_POLICY_SIGNATURE'],
    [
      'another run of the worker',
      async (r) => ({ ...r, statement: { ...r.statement, instance: '00'.repeat(16) } }),
      'ERR_POLICY_SIGNATURE',
    ],
    [
      'an old time',
      async () => await revokeRequest(channel, parsePolicy(one), [first, second], new Date(Date.now() - 600_000)),
      'ERR_POLICY_STATEMENT',
    ],
    [
      'another policy than the one in force',
      async () => await revokeRequest(channel, parsePolicy(two), [first, second]),
      'ERR_POLICY_STATEMENT',
    ],
  ])('with %s changes nothing', async (_what, change, code) => {
    const request = await change(await revokeRequest(channel, parsePolicy(one), [first, second]));
    expect(await codeOf(() => channel.request(request))).toBe(code);
    expect(inForce()).toEqual({ 'hospital-a': parsePolicy(one).digest });
  });

  it('signed for another worker changes nothing here', async () => {
    const elsewhere = { ...channel, claims: { ...channel.claims, instance: new Uint8Array(16) } };
    const request = await revokeRequest(elsewhere, parsePolicy(one), [first, second]);
    expect(await codeOf(() => channel.request(request))).toBe('ERR_POLICY_STATEMENT');
    expect(inForce()).toEqual({ 'hospital-a': parsePolicy(one).digest });
  });
});

describe('the policies in force', () => {
  it('are shown in the form that the claims name', async () => {
    const [shown] = await channel.policies();
    expect(shown).toEqual({
      owner: 'hospital-a',
      digest: parsePolicy(one).digest,
      canonical: JSON.parse(JSON.stringify(parsePolicy(one).canonical)),
    });
  });

  it('are not shown to strangers where their owner says so', async () => {
    await ask(
      await policyRequest(policyText({ ...base, version: 4, sections: `${sections}explain: callers` }), [
        first,
        second,
      ]),
    );
    await using open = await openChannel(anyPolicies(t.trust));
    expect((await open.policies()).map(({ canonical }) => canonical)).toEqual([null]);
  });
});
