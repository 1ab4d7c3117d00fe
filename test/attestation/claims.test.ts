/** Claims, field by field: each of its kind and size, none missing, none more. */
import { describe, expect, it } from 'vitest';
import { type Claims, encodeClaims, PROFILE, parseClaims } from '../../src/attestation/claims.ts';
import { type Cbor, encodeCbor, parseCbor } from '../../src/base/cbor.ts';
import { LIMITS } from '../../src/base/limits.ts';

const of = (size: number): Uint8Array => new Uint8Array(size).fill(7);
const CLAIMS: Claims = {
  profile: PROFILE,
  role: 'worker',
  instance: of(16),
  tls: of(32),
  hpke: of(41),
  functions: { a: of(32) },
  policies: { b: of(32) },
  lockdown: { c: 'x' },
  freshness: of(32),
  log: { size: 7, root: of(32) },
  runtime: 'anchorhold',
};
const fields = (): Record<string, Cbor> =>
  Object.fromEntries(Object.entries(parseCbor(encodeClaims(CLAIMS), LIMITS.claimsBytes)?.value ?? {}));
const read = (changes: Readonly<Record<string, Cbor>>): string => {
  const parsed = parseClaims(encodeCbor({ ...fields(), ...changes }));
  return 'problem' in parsed ? parsed.problem : 'read';
};

describe('claims', () => {
  it('are read as they were written', () => {
    expect(parseClaims(encodeClaims(CLAIMS))).toEqual({ value: CLAIMS });
  });

  it.each<[string, readonly Cbor[], string]>([
    ['profile', ['anchorhold/2', '', null], 'profile is not anchorhold/1'],
    ['role', ['client', '', null], 'role is not worker'],
    ['instance', [of(15), of(17), 'x', null], 'instance is not 16 bytes'],
    ['tls', [of(31), of(33), 'x', null], 'tls is not 32 bytes'],
    ['hpke', ['x', null, [of(1)]], 'hpke is not a byte string'],
    ['functions', [[], null, of(1), { a: of(31) }, { a: of(32), b: 'x' }], 'functions is not a map of 32-byte digests'],
    ['policies', [[], null, of(1), { a: of(33) }, { a: of(32), b: 1 }], 'policies is not a map of 32-byte digests'],
    ['lockdown', [[], null, { a: of(1) }, { a: 'x', b: 1 }], 'lockdown is not a map of texts'],
    ['freshness', [of(31), of(33), null], 'freshness is not 32 bytes'],
    [
      'log',
      [
        null,
        [],
        {},
        { size: 7 },
        { root: of(32) },
        { size: '7', root: of(32) },
        { size: null, root: of(32) },
        { size: 7, root: of(31) },
        { size: 7, root: 'x' },
        { size: 7, root: of(32), more: 1 },
        { siz: 7, root: of(32) },
      ],
      'log is not a checkpoint',
    ],
    ['runtime', [1, null, of(1)], 'runtime is not a text'],
    ['more', [1], 'unknown claim "more"'],
  ])('are refused for another %s', (name, values, problem) => {
    for (const value of values) expect([value, read({ [name]: value })]).toEqual([value, problem]);
  });

  it('may have no functions, policies and lockdown, and an empty key configuration', () => {
    expect(read({ functions: {}, policies: {}, lockdown: {}, hpke: of(0), log: { size: 0, root: of(32) } })).toBe(
      'read',
    );
  });

  it('lack nothing', () => {
    for (const name of Object.keys(fields())) {
      const { [name]: _, ...rest } = fields();
      expect([name, 'problem' in parseClaims(encodeCbor(rest))]).toEqual([name, true]);
    }
    for (const other of [null, [], 1, 'x', of(1)])
      expect(parseClaims(encodeCbor(other))).toEqual({ problem: 'not a map in deterministic CBOR' });
  });

  it('may fill their cap, and no more', () => {
    const ofSize = (hpke: number): Uint8Array => encodeClaims({ ...CLAIMS, hpke: of(hpke) });
    const room = LIMITS.claimsBytes - ofSize(60_000).length + 60_000;
    expect(ofSize(room)).toHaveLength(LIMITS.claimsBytes);
    expect(parseClaims(ofSize(room))).toHaveProperty('value');
    expect(parseClaims(ofSize(room + 1))).toHaveProperty('problem');
  });
});
