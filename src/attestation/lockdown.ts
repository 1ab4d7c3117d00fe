/**
 * The lockdown claims: which there are, what a client may demand of each, and the checks. Nothing is left unsaid: a trust file demands
 * something of every claim or says `any`, and a worker that leaves one out, or makes one that is not known here, is refused.
 */
import type { Check } from '../appraisal.ts';
import { deepFreeze } from '../base/freeze.ts';
import { makeCheck, skipCheck } from './checks.ts';

/** Names a claim; docs/protocol.md says which values each can have. */
export type LockdownClaim =
  | 'egress'
  | 'sandbox'
  | 'memory'
  | 'processor'
  | 'counters'
  | 'storage'
  | 'keys'
  | 'owners'
  | 'names'
  | 'roots'
  | 'firewall'
  | 'console'
  | 'debugger'
  | 'environment'
  | 'privileges'
  | 'seccomp'
  | 'core'
  | 'swap'
  | 'kernel';

/** What a worker says about its own confinement. */
export type Lockdown = Readonly<Record<LockdownClaim, string>>;

/** One value that is accepted, or several; `any` accepts every one, and `digest` every digest: something is in force, whatever it is. */
export type LockdownDemand = string | readonly string[];

export type LockdownDemands = Readonly<Record<LockdownClaim, LockdownDemand>>;

/** Names a preset that a trust file may give instead of spelling `isolation.lockdown` out. */
export type LockdownPresetName = 'strict-2026-11';

/** The presets; docs/trust.md lists every value. A preset is never changed: a new one gets a new date. */
export const LOCKDOWN_PRESETS: Readonly<Record<LockdownPresetName, LockdownDemands>> = deepFreeze({
  'strict-2026-11': {
    egress: 'policy',
    sandbox: 'node-permission',
    memory: 'cgroup',
    processor: 'cgroup',
    counters: 'any',
    storage: 'any',
    keys: 'any',
    owners: 'any',
    names: 'dns',
    roots: 'system',
    firewall: 'digest',
    console: 'none',
    debugger: 'none',
    environment: 'clean',
    privileges: ['none', 'no-new-privs'],
    seccomp: 'any',
    core: 'none',
    swap: 'none',
    kernel: ['integrity', 'confidentiality'],
  },
});

/** Every claim, in the order in which it is checked. */
export const LOCKDOWN_CLAIMS: readonly LockdownClaim[] = Object.keys(
  LOCKDOWN_PRESETS['strict-2026-11'],
) as LockdownClaim[];

/** Names the check of one claim. */
export type LockdownCheck = `lockdown-${LockdownClaim}`;

function meets(value: string | null, demand: LockdownDemand): boolean {
  if (value === null) return false;
  if (typeof demand !== 'string') return demand.includes(value);
  return demand === 'digest' ? /^sha256:[0-9a-f]{64}$/.test(value) : demand === value;
}

function show(demand: LockdownDemand): string {
  if (demand === 'digest') return 'a digest';
  return typeof demand === 'string' ? demand : demand.join(' or ') || 'nothing';
}

/** Checks that exactly the known claims are made. */
function checkNames(claims: Readonly<Record<string, string>>): Check {
  const missing = LOCKDOWN_CLAIMS.filter((name) => !Object.hasOwn(claims, name));
  const unknown = Object.keys(claims).filter((name) => !LOCKDOWN_CLAIMS.some((known) => known === name));
  const problems = [...missing.map((name) => `no ${name}`), ...unknown.toSorted().map((name) => `unknown ${name}`)];
  return makeCheck('lockdown', problems.length === 0, 'every known claim and no other', problems.join(', ') || 'so');
}

/** Checks the claims of a worker against what a client demands, one by one. */
export function checkLockdown(claims: Readonly<Record<string, string>>, demands: LockdownDemands): readonly Check[] {
  const checks = LOCKDOWN_CLAIMS.map((name): Check => {
    const id: LockdownCheck = `lockdown-${name}`;
    const value = Object.hasOwn(claims, name) ? (claims[name] ?? null) : null;
    const actual = value ?? 'not claimed';
    const demand = demands[name];
    return demand === 'any' ? skipCheck(id, 'any', actual) : makeCheck(id, meets(value, demand), show(demand), actual);
  });
  return [checkNames(claims), ...checks];
}
