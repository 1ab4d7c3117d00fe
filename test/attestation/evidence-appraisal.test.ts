/** What claims must say: exactly the demanded names with exactly the demanded values, also when a name is one that every object has. */
import { describe, expect, it } from 'vitest';
import { encodeClaims, PROFILE, parseClaims } from '../../src/attestation/claims.ts';
import { checkFunctions, checkOwnerPolicies } from '../../src/attestation/evidence-appraisal.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { formatTrustFile, parseTrustFile, type TrustFile } from '../../src/attestation/trust-file.ts';
import type { DigestText } from '../../src/base/digest.ts';
import { ANY_LOCKDOWN, STRICT_LOCKDOWN } from './demands.ts';

const A = new Uint8Array(32).fill(0xaa);
const B = new Uint8Array(32).fill(0xbb);
const TEXT_A: DigestText = `sha256:${'aa'.repeat(32)}`;
const NAMES = ['hospital-a', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'é', 'e\u0301'];

const map = <T>(...entries: [string, T][]): Record<string, T> => Object.fromEntries(entries);

/** Claims and demands as they come from outside, through their encodings. */
function claimsOf(digests: Record<string, Uint8Array>) {
  const fixed = {
    profile: PROFILE,
    role: 'worker',
    instance: new Uint8Array(16),
    tls: A,
    hpke: A,
    freshness: A,
  } as const;
  const said = {
    ...fixed,
    functions: digests,
    policies: digests,
    lockdown: STRICT_LOCKDOWN,
    log: { size: 0, root: A },
    runtime: 'test',
  };
  const parsed = parseClaims(encodeClaims(said));
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.value;
}
function trustOf(digests: Record<string, DigestText>, others: TrustFile['isolation']['others'] = 'refused'): TrustFile {
  return parseTrustFile(
    formatTrustFile({
      url: 'https://worker.test',
      roots: 'amd',
      machine: PRESETS['strict-2026-11'],
      code: { measurements: [], functions: digests },
      isolation: { policies: digests, others, lockdown: ANY_LOCKDOWN },
      freshness: { reattest: 'connection' },
    }),
  );
}

describe.each(NAMES)('a function and an owner named %s', (name) => {
  const other = name === 'é' ? 'e\u0301' : 'é';
  const checks = (...[claims, trust]: [ReturnType<typeof claimsOf>, TrustFile]): string[] =>
    [checkFunctions(claims, trust), checkOwnerPolicies(claims, trust)].map((c) => c.outcome);

  it('are found when they are there with the demanded value', () => {
    const claims = claimsOf(map([name, A]));
    expect(checks(claims, trustOf(map([name, TEXT_A])))).toEqual(['pass', 'pass']);
  });

  it.each([
    ['missing', claimsOf({})],
    ['different', claimsOf(map([name, B]))],
    ['under a name that looks the same', claimsOf(map([other, A]))],
  ])('are refused when they are %s', (_how, claims) => {
    expect(checks(claims, trustOf(map([name, TEXT_A])))).toEqual(['fail', 'fail']);
  });

  it('are strangers to a client that lists none: refused as an owner, unless the file lets others in', () => {
    const claims = claimsOf(map([name, A]));
    expect(checkOwnerPolicies(claims, trustOf({})).outcome).toBe('fail');
    expect(checkOwnerPolicies(claims, trustOf({}, 'any')).outcome).toBe('pass');
  });
});
