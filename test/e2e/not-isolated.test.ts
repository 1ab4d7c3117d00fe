/** A genuine worker with the right code that is not sealed as demanded: each cause alone is NotIsolatedEnclaveError, and nothing is sent. */
import { describe, expect, it } from 'vitest';
import { LOCKDOWN_CLAIMS, LOCKDOWN_PRESETS, type LockdownClaim } from '../../src/attestation/lockdown.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { NotIsolatedEnclaveError, SecureSession } from '../../src/index.ts';
import type { MachineOptions } from '../../src/testing/index.ts';
import { STRICT_LOCKDOWN } from '../attestation/demands.ts';
import { openGenuineListener } from './genuine-listener.ts';

type Options = NonNullable<Parameters<typeof openGenuineListener>[1]>;

interface Outcome {
  readonly code: string;
  readonly failed: readonly string[];
  readonly asked: number;
}

/** Sends a query to such a worker, and says what became of it. */
async function ask(options: Options, demand: (trust: TrustFile) => Partial<TrustFile> = () => ({})): Promise<Outcome> {
  let asked = 0;
  await using worker = await openGenuineListener(() => {
    asked += 1;
    return Promise.resolve({ status: 200, headers: [], body: new Uint8Array() });
  }, options);
  const lockdown = LOCKDOWN_PRESETS['strict-2026-11'];
  const strict = { ...worker.trust, isolation: { ...worker.trust.isolation, lockdown } };
  const { others, policies, ...isolation } = { ...strict, ...demand(strict) }.isolation;
  const trust = { anchorhold: 'trust/1', ...strict, ...demand(strict), isolation: { ...isolation, policies } };
  expect(others).toBe('refused');
  await using session = new SecureSession(worker.url, { trust });
  try {
    const { status } = await session.post('/upper', 'a secret');
    return { code: String(status), failed: [], asked };
  } catch (error) {
    if (!(error instanceof NotIsolatedEnclaveError)) throw error;
    const failed = error.appraisal.checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
    return { code: error.code, failed, asked };
  }
}

const demandOf = (claim: LockdownClaim, value: string) => (trust: TrustFile) => ({
  isolation: { ...trust.isolation, lockdown: { ...trust.isolation.lockdown, [claim]: value } },
});
const claims = (lockdown: Record<string, string>): Options => ({ lockdown });

describe('a worker that is sealed as the strict preset demands', () => {
  it('is asked', async () => {
    expect(await ask({})).toEqual({ code: '200', failed: [], asked: 1 });
  });
});

describe('a lockdown claim that differs is a cause of its own, and nothing is sent:', () => {
  it.each<[LockdownClaim, string]>([
    ['egress', 'open'],
    ['sandbox', 'open: net'],
    ['memory', 'rlimit'],
    ['processor', 'none'],
    ['names', `sha256:${'1'.repeat(64)}`],
    ['roots', `sha256:${'1'.repeat(64)}`],
    ['firewall', 'none'],
    ['console', 'ttyS0'],
    ['debugger', 'open'],
    ['environment', 'LD_PRELOAD'],
    ['privileges', 'open'],
    ['core', 'possible'],
    ['swap', 'on'],
    ['kernel', 'none'],
  ])('%s: %s, under the strict preset', async (claim, value) => {
    expect(await ask(claims({ [claim]: value }))).toEqual({
      code: 'ERR_NOT_ISOLATED_LOCKDOWN',
      failed: [`lockdown-${claim}`],
      asked: 0,
    });
  });

  it.each<[LockdownClaim, string, string]>([
    ['counters', 'durable', 'memory'],
    ['storage', 'memory', 'sealed'],
    ['keys', 'kms', 'file'],
    ['owners', 'closed', `sha256:${'1'.repeat(64)}`],
    ['seccomp', 'filter', 'none'],
    ['firewall', `sha256:${'e'.repeat(64)}`, STRICT_LOCKDOWN.firewall],
  ])('%s, where %s is demanded and it is %s', async (claim, demanded, value) => {
    const good = await ask(claims({ [claim]: demanded }), demandOf(claim, demanded));
    expect(good).toEqual({ code: '200', failed: [], asked: 1 });
    expect(await ask(claims({ [claim]: value }), demandOf(claim, demanded))).toEqual({
      code: 'ERR_NOT_ISOLATED_LOCKDOWN',
      failed: [`lockdown-${claim}`],
      asked: 0,
    });
  });

  it('every claim has its case', () => {
    // What the preset demands nothing of is in the second list, everything else in the first.
    const open = LOCKDOWN_CLAIMS.filter((name) => LOCKDOWN_PRESETS['strict-2026-11'][name] === 'any');
    expect(open.toSorted()).toEqual(['counters', 'keys', 'owners', 'seccomp', 'storage']);
    expect(LOCKDOWN_CLAIMS).toHaveLength(19);
  });

  it.each<[string, Record<string, string>]>([['a claim that nobody knows', { surprise: 'x' }]])(
    '%s is refused whatever is demanded',
    async (_name, lockdown) => {
      expect(await ask(claims(lockdown))).toEqual({
        code: 'ERR_NOT_ISOLATED_LOCKDOWN',
        failed: ['lockdown'],
        asked: 0,
      });
    },
  );

  it('a claim that is not made is refused, even where any value would do', async () => {
    const { seccomp: _seccomp, ...others } = STRICT_LOCKDOWN;
    const without: Options = { lockdown: others, replaceLockdown: true };
    expect(await ask(without)).toEqual({ code: 'ERR_NOT_ISOLATED_LOCKDOWN', failed: ['lockdown'], asked: 0 });
  });
});

describe('a machine or policies that differ are causes of their own, and nothing is sent:', () => {
  it.each<[string, string, MachineOptions, (trust: TrustFile) => Partial<TrustFile>]>([
    ['guest-policy-debug', 'ERR_NOT_ISOLATED_GUEST_POLICY', { guestPolicy: 0xb0000n }, () => ({})],
    ['vmpl', 'ERR_NOT_ISOLATED_VMPL', { vmpl: 2 }, () => ({})],
    ['chip', 'ERR_NOT_ISOLATED_CHIP', {}, (trust) => ({ machine: { ...trust.machine, chips: ['ab'.repeat(64)] } })],
    [
      'owner-policies',
      'ERR_NOT_ISOLATED_POLICY',
      {},
      (trust) => ({ isolation: { ...trust.isolation, policies: { 'hospital-a': `sha256:${'1'.repeat(64)}` } } }),
    ],
  ])('%s', async (check, code, machine, demand) => {
    expect(await ask({ machine }, demand)).toEqual({ code, failed: [check], asked: 0 });
  });
});
