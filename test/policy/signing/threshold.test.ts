/** m of n counts keys: each once, listed ones only, and nobody where nobody is listed. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { signStatement } from '../../../src/policy/signing/jws.ts';
import { statePolicy } from '../../../src/policy/signing/statement.ts';
import { findSigners, requireSignatures } from '../../../src/policy/signing/threshold.ts';
import { codeOf, makeKeys } from './keys.ts';

const statement = statePolicy({ owner: 'hospital-a', version: 8, digest: `sha256:${'ab'.repeat(32)}` });

const [a, b, c, stranger] = await makeKeys(4);
if (a === undefined || b === undefined || c === undefined || stranger === undefined) throw new Error('no keys');
const [byA, byB, byStranger] = await Promise.all([a, b, stranger].map((key) => signStatement(statement, key)));
if (byA === undefined || byB === undefined || byStranger === undefined) throw new Error('no signatures');
const keys = [a.spki, b.spki, c.spki];

const code = (signatures: readonly string[], needed: number): Promise<string | null> =>
  codeOf(() => requireSignatures(statement, signatures, { keys, needed }));

describe('m of n', () => {
  it('is met by as many listed keys, in any order', async () => {
    expect(await code([byA, byB], 2)).toBeNull();
    expect(await code([byStranger, byB, byA], 2)).toBeNull();
    expect(await code([byB], 1)).toBeNull();
    expect(await code(Array(LIMITS.statementSignatures).fill(byA), 1)).toBeNull();
    expect(await requireSignatures(statement, [byB, byA], { keys, needed: 2 })).toEqual([a.spki, b.spki]);
  });

  it.each([
    ['no signature', [], 1],
    ['one of two', [byA], 2],
    ['one key twice', [byA, byA], 2],
    ['a stranger beside one key', [byA, byStranger], 2],
    ['strangers only', [byStranger], 1],
    ['a demand of none', [], 0],
    ['a demand that is no number', [byA, byB], Number.NaN],
    ['more signatures than are looked at', Array(LIMITS.statementSignatures + 1).fill(byA), 1],
  ])('is not met by %s', async (_what, signatures, needed) => {
    expect(await code(signatures, needed)).toBe('ERR_POLICY_SIGNATURE');
  });

  it('counts a key once that is listed twice', async () => {
    const twice = { keys: [a.spki, a.spki], needed: 2 };
    expect(await findSigners(statement, [byA], twice.keys)).toHaveLength(1);
    expect(await codeOf(() => requireSignatures(statement, [byA], twice))).toBe('ERR_POLICY_SIGNATURE');
  });

  it('is met by nobody where nobody may change anything', async () => {
    expect(await codeOf(() => requireSignatures(statement, [byA, byB], null))).toBe('ERR_POLICY_SIGNATURE');
    expect(await codeOf(() => requireSignatures(statement, [byA], { keys: [], needed: 1 }))).toBe(
      'ERR_POLICY_SIGNATURE',
    );
  });

  it('does not take the signatures of another statement', async () => {
    const other = { ...statement, digest: `sha256:${'cd'.repeat(32)}` as const };
    expect(await codeOf(() => requireSignatures(other, [byA, byB], { keys, needed: 2 }))).toBe('ERR_POLICY_SIGNATURE');
  });
});
