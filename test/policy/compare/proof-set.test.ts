/** Who is whom by what they prove: each demand of a caller alone, what takes a proof back, and which proofs go together. */
import { describe, expect, it } from 'vitest';
import {
  isRevoked,
  joinProofs,
  jointProofs,
  leastProof,
  namesProvenBy,
  type Proof,
} from '../../../src/policy/compare/proof-set.ts';
import type { OwnerPolicy } from '../../../src/policy/policy.ts';
import { HEAD, KEY_A, KEY_B, parse } from '../sample.ts';

const PIN = `spki-sha256:${'5'.repeat(64)}`;
const OTHER_PIN = `spki-sha256:${'6'.repeat(64)}`;
const cert = (more = '', ca = './research-ca.pem'): string => `{ certificate: { ca: ${ca}${more} } }`;
const key = (text: string): string => `{ key: "${text}" }`;
const token = (more: { issuer?: string; audience?: string; claims?: string; jwks?: string } = {}): string => {
  const { issuer = 'https://id.test', audience = 'a', claims = '', jwks = './jwks.json' } = more;
  return `{ token: { issuer: ${issuer}, audience: ${audience}, claims: { ${claims} }, jwks: ${jwks} } }`;
};
const published = (name: string, pin: string): string => `{ url: "https://id.test/${name}", pin: "${pin}" }`;

/** A file whose callers are named `c0`, `c1` and so on. */
function fileOf(callers: readonly string[], revoked = ''): OwnerPolicy {
  const named = callers.map((caller, i) => `  c${i}: ${caller}\n`).join('');
  return parse(`${HEAD}callers:\n${named}revoked: [${revoked}]\n`, {
    './other-ca.pem': ['./research-ca.pem', '\n'],
    './other-jwks.json': ['./jwks.json', ' '],
  });
}

const proofsOf = (...callers: readonly string[]): readonly Proof[] => fileOf(callers).callers.map(leastProof);
const proofOf = (caller: string): Proof => proofsOf(caller)[0] ?? new Set();
const names = (caller: string, policy: OwnerPolicy): readonly string[] => [...namesProvenBy(proofOf(caller), policy)];

describe('a caller', () => {
  const FULL = cert(`, organization: X, san: s.example, pin: "${PIN}"`);
  it.each([
    [cert(), cert(), true],
    [cert(), cert('', './other-ca.pem'), false],
    [cert(), cert(', organization: X'), false],
    [cert(', organization: X'), cert(), true],
    [cert(', organization: X'), cert(', organization: Y'), false],
    [cert(', san: S.Example'), cert(', san: s.eXAMPLE'), true],
    [cert(', san: S@example'), cert(', san: s@example'), false],
    [cert(', san: s.example'), cert(', organization: s.example'), false],
    [cert(`, pin: "${PIN}"`), cert(), true],
    [cert(`, pin: "${PIN}"`), cert(`, pin: "${OTHER_PIN}"`), false],
    [FULL, FULL, true],
    [FULL, cert(', organization: X'), true],
    [FULL, cert(', san: s.example'), true],
    [FULL, cert(`, pin: "${PIN}"`), true],
    [key(KEY_A), key(KEY_A), true],
    [key(KEY_A), key(KEY_B), false],
    [key(KEY_A), cert(), false],
    [token(), token(), true],
    [token(), token({ issuer: 'https://other.test' }), false],
    [token(), token({ audience: 'b' }), false],
    [token(), token({ claims: 'role: r' }), false],
    [token({ claims: 'role: r' }), token(), true],
    [token({ claims: 'role: r, group: g' }), token({ claims: 'group: g' }), true],
    [token({ claims: 'role: r' }), token({ claims: 'role: s' }), false],
    [token({ claims: 'role: r' }), token({ claims: 'group: r' }), false],
    // A token may be for several.
    [token({ claims: 'aud: b' }), token({ audience: 'b' }), true],
    [token(), token({ jwks: './other-jwks.json' }), false],
    [token(), token({ jwks: published('keys', PIN) }), false],
    [token({ jwks: published('keys', PIN) }), token({ jwks: published('keys', PIN) }), true],
    [token({ jwks: published('keys', PIN) }), token({ jwks: published('keys', OTHER_PIN) }), false],
    [token({ jwks: published('keys', PIN) }), token({ jwks: published('other', PIN) }), false],
  ])('%s is also %s: %s', (one, other, expected) => {
    expect(names(one, fileOf([other]))).toEqual(expected ? ['c0'] : []);
  });

  it('has every name whose demands it meets', () => {
    const policy = fileOf([cert(', organization: X'), key(KEY_A), cert(), cert(', organization: Y')]);
    expect(names(cert(', organization: X'), policy)).toEqual(['c0', 'c2']);
    expect(names(key(KEY_B), policy)).toEqual([]);
  });

  it('has no name when the proof was taken back', () => {
    const policy = fileOf([key(KEY_A), key(KEY_B)], key(KEY_A));
    expect(names(key(KEY_A), policy)).toEqual([]);
    expect(names(key(KEY_B), policy)).toEqual(['c1']);
  });
});

describe('a proof', () => {
  const issued = (rest: string): string => `{ token: { issuer: https://id.test, ${rest} } }`;
  it.each([
    [key(KEY_A), key(KEY_A), true],
    [key(KEY_A), key(KEY_B), false],
    [key(KEY_A), `{ certificate: "${PIN}" }`, false],
    [cert(), `{ certificate: "${PIN}" }`, false],
    [cert(`, pin: "${PIN}"`), `{ certificate: "${PIN}" }`, true],
    [cert(`, pin: "${PIN}"`), `{ certificate: "${OTHER_PIN}" }`, false],
    [token(), issued('subject: ann'), false],
    [token({ claims: 'sub: ann' }), issued('subject: ann'), true],
    [token({ claims: 'sub: bob' }), issued('subject: ann'), false],
    [token({ claims: 'sub: ann', issuer: 'https://other.test' }), issued('subject: ann'), false],
    [token({ claims: 'sub: ann' }), issued('id: ann'), false],
    [token({ claims: 'jti: x-7' }), issued('id: x-7'), true],
    [token({ claims: 'jti: x-7' }), issued('id: x-8'), false],
    [token({ claims: 'jti: x-7' }), issued('subject: x-7'), false],
  ])('by %s is taken back by %s: %s', (caller, revoked, expected) => {
    const policy = fileOf([caller], revoked);
    expect(isRevoked(proofOf(caller), policy)).toBe(expected);
  });
});

describe('two proofs', () => {
  it.each([
    [key(KEY_A), key(KEY_A), true],
    [key(KEY_A), key(KEY_B), false],
    [key(KEY_A), cert(), false],
    [cert(), token(), false],
    [cert(', organization: X'), cert(', san: s.example'), true],
    [cert(', organization: X'), cert(', organization: Y'), false],
    [cert(', san: a.example'), cert(', san: b.example'), true],
    [cert(`, pin: "${PIN}"`), cert(`, pin: "${OTHER_PIN}"`), false],
    // Two files may hold the same authority, or the same key.
    [cert(), cert('', './other-ca.pem'), true],
    [token(), token({ jwks: './other-jwks.json' }), true],
    [token(), token({ audience: 'b' }), true],
    [token(), token({ issuer: 'https://other.test' }), false],
    [token({ claims: 'role: r' }), token({ claims: 'role: s' }), true],
    [token({ claims: 'sub: ann' }), token({ claims: 'sub: bob' }), false],
    [token({ claims: 'sub: ann' }), token({ claims: 'sub: ann, role: r' }), true],
  ])('%s and %s can be one: %s', (one, other, expected) => {
    const policy = fileOf([one, other]);
    const [a, b] = policy.callers.map(leastProof);
    const joined = a === undefined || b === undefined ? null : joinProofs(a, b);
    expect(joined === null ? null : [...namesProvenBy(joined, policy)]).toEqual(expected ? ['c0', 'c1'] : null);
  });
});

describe('all proofs of some callers', () => {
  const joint = (callers: readonly string[], most: number): readonly string[] | null => {
    const policy = fileOf(callers);
    const proofs = jointProofs(policy.callers, most);
    return proofs === null ? null : proofs.map((proof) => [...namesProvenBy(proof, policy)].join(' ')).toSorted();
  };
  const THREE = [cert(', san: a.example'), cert(', san: b.example'), key(KEY_A)];
  it('are each alone, and all that one proof can be together', () => {
    expect(joint(THREE, 9)).toEqual(['c0', 'c0 c1', 'c1', 'c2']);
    expect(joint([key(KEY_A), key(KEY_A)], 9)).toEqual(['c0 c1']);
    expect(joint([cert(', san: a.x'), cert(', san: b.x'), cert(', san: c.x')], 9)).toHaveLength(7);
  });

  it('are given up when they are more than can be looked at', () => {
    expect(joint(THREE, 4)).toHaveLength(4);
    expect(joint(THREE, 3)).toBe(null);
  });
});
