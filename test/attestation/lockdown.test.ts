/** What a demand of one lockdown claim accepts, and what it says; a claim that is missing or unknown is refused whatever is demanded. */
import { describe, expect, it } from 'vitest';
import {
  checkLockdown,
  LOCKDOWN_CLAIMS,
  LOCKDOWN_PRESETS,
  type LockdownDemand,
} from '../../src/attestation/lockdown.ts';
import { ANY_LOCKDOWN, STRICT_LOCKDOWN } from './demands.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

/** Checks a worker that claims this of its packet rules. */
function firewall(demand: LockdownDemand, value: string | null): string {
  const { firewall: _given, ...others } = STRICT_LOCKDOWN;
  const claims = value === null ? others : { ...others, firewall: value };
  const checks = checkLockdown(claims, { ...ANY_LOCKDOWN, firewall: demand });
  const { outcome, expected, actual } = checks.find(({ id }) => id === 'lockdown-firewall') ?? { outcome: 'none' };
  return `${outcome}: ${expected} / ${actual}`;
}

describe('a demand of one claim', () => {
  it.each<[LockdownDemand, string | null, string]>([
    ['none', 'none', 'pass: none / none'],
    ['none', 'nones', 'fail: none / nones'],
    ['none', null, 'fail: none / not claimed'],
    [DIGEST, DIGEST, `pass: ${DIGEST} / ${DIGEST}`],
    [DIGEST, `${DIGEST}0`, `fail: ${DIGEST} / ${DIGEST}0`],
    ['digest', DIGEST, `pass: a digest / ${DIGEST}`],
    ['digest', `x${DIGEST}`, `fail: a digest / x${DIGEST}`],
    ['digest', `${DIGEST}0`, `fail: a digest / ${DIGEST}0`],
    ['digest', 'digest', 'fail: a digest / digest'],
    ['digest', null, 'fail: a digest / not claimed'],
    [['none', 'x'], 'x', 'pass: none or x / x'],
    [['none', 'x'], 'y', 'fail: none or x / y'],
    [['none', 'x'], null, 'fail: none or x / not claimed'],
    [['digest'], DIGEST, `fail: digest / ${DIGEST}`],
    [['any'], 'x', 'fail: any / x'],
    [[], 'none', 'fail: nothing / none'],
    ['any', 'whatever', 'skipped: any / whatever'],
    ['any', null, 'skipped: any / not claimed'],
  ])('%j of %j', (demand, value, outcome) => {
    expect(firewall(demand, value)).toBe(outcome);
  });
});

describe('the claims as a whole', () => {
  const whole = (claims: Readonly<Record<string, string>>): string => {
    const [first] = checkLockdown(claims, ANY_LOCKDOWN);
    return `${first?.id} ${first?.outcome}: ${first?.actual}`;
  };

  it('are every known one and no other', () => {
    expect(whole(STRICT_LOCKDOWN)).toBe('lockdown pass: so');
    expect(whole({ ...STRICT_LOCKDOWN, zebra: 'x', constructor: 'x' })).toBe(
      'lockdown fail: unknown constructor, unknown zebra',
    );
    expect(whole({})).toBe(`lockdown fail: ${LOCKDOWN_CLAIMS.map((name) => `no ${name}`).join(', ')}`);
  });

  it('are checked one by one, in their order', () => {
    const ids = checkLockdown(STRICT_LOCKDOWN, LOCKDOWN_PRESETS['strict-2026-11']).map(({ id }) => id);
    expect(ids).toEqual(['lockdown', ...LOCKDOWN_CLAIMS.map((name) => `lockdown-${name}`)]);
  });

  it('take nothing from what every object has', () => {
    const inherited = Object.create(STRICT_LOCKDOWN) as Record<string, string>;
    const checks = checkLockdown(inherited, STRICT_LOCKDOWN);
    expect(checks.filter(({ outcome }) => outcome === 'pass')).toEqual([]);
  });
});
