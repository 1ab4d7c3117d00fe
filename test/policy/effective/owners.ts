/** Policies of owners who list one function `f` and know Ada and Bob, and what they allow together. */
import { combinePolicies, type EffectiveFunction } from '../../../src/policy/effective/effective.ts';
import { parseOwnerPolicy } from '../../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import { KEY_A, KEY_B } from '../sample.ts';

export const DIGEST: string = `sha256:${'ab'.repeat(32)}`;
export const OTHER_DIGEST: string = `sha256:${'cd'.repeat(32)}`;

/** Makes a policy; `more` adds sections or replaces them. */
export function policyOf(owner: string, more: object = {}): OwnerPolicy {
  const text = {
    anchorhold: 'owner-policy/1',
    owner,
    version: '1',
    valid: { from: '2026-01-01', until: '2028-01-01' },
    functions: { f: DIGEST },
    callers: { ada: { key: KEY_A }, bob: { key: KEY_B } },
    ...more,
  };
  return parseOwnerPolicy(JSON.stringify(text), { file: `${owner}.yaml`, references: () => null });
}

/** Gives what the owners allow together, function by function. */
export function combine(...policies: readonly OwnerPolicy[]): readonly EffectiveFunction[] {
  return combinePolicies(policies.map(({ canonical }) => canonical));
}
