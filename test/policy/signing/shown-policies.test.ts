/** The policies that a worker shows: each counts only with the digest in the claims, and none may be missing or too many. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { encodeCanonicalJson } from '../../../src/base/canonical-json.ts';
import { parseDigest, sha256 } from '../../../src/base/digest.ts';
import { formatShownPolicies, readShownPolicies } from '../../../src/policy/signing/shown-policies.ts';
import { HEAD, parse } from '../sample.ts';
import { codeOf } from './keys.ts';

const a = parse(HEAD);
const b = parse(HEAD.replace('hospital-a', 'hospital-b'));
const bytesOf = (policy: typeof a): Uint8Array => parseDigest(policy.digest) ?? new Uint8Array(0);
const digests = { 'hospital-a': bytesOf(a), 'hospital-b': bytesOf(b) };
const both = formatShownPolicies([
  { policy: a, isShown: true },
  { policy: b, isShown: false },
]);

const REFUSED = 'ERR_POLICY_STATEMENT';
const code = (content: string, of: Readonly<Record<string, Uint8Array>> = digests): Promise<string | null> =>
  codeOf(() => readShownPolicies(content, of));
const answer = (policies: object): string => JSON.stringify({ anchorhold: 'anchorhold-policies/1', policies });

describe('the policies that a worker shows', () => {
  it('are written with their content, those that are not shown without it', () => {
    expect(both.endsWith('}\n')).toBe(true);
    expect(JSON.parse(both)).toEqual({
      anchorhold: 'anchorhold-policies/1',
      policies: { 'hospital-a': a.canonical, 'hospital-b': null },
    });
  });

  it('are read with their digests, in the order of the claims', () => {
    expect(readShownPolicies(both, digests)).toEqual([
      { owner: 'hospital-a', digest: a.digest, canonical: a.canonical },
      { owner: 'hospital-b', digest: b.digest, canonical: null },
    ]);
    expect(readShownPolicies(answer({}), {})).toEqual([]);
  });

  it.each<[string, string]>([
    ['no JSON', 'x'],
    ['another format', both.replace('policies/1', 'policies/2')],
    ['no policy of an owner in the claims', answer({ 'hospital-a': a.canonical })],
    ['one more policy', answer({ 'hospital-a': a.canonical, 'hospital-b': null, 'hospital-c': null })],
    ['another content', answer({ 'hospital-a': { ...a.canonical, version: 8 }, 'hospital-b': null })],
    ['the policy of another owner', answer({ 'hospital-a': b.canonical, 'hospital-b': null })],
    ['a number', answer({ 'hospital-a': 3, 'hospital-b': null })],
    ['a list', answer({ 'hospital-a': [], 'hospital-b': null })],
    ['half a surrogate pair', answer({ 'hospital-a': { owner: '\ud800' }, 'hospital-b': null })],
    ['a number beyond counting', both.replace('"version":7', '"version":1e999')],
  ])('are refused with %s', async (_, content) => {
    expect(await code(content)).toBe(REFUSED);
  });

  it('are refused when the claims name another owner for the same content', async () => {
    const content = answer({ 'hospital-b': a.canonical });
    expect(await code(content, { 'hospital-b': bytesOf(a) })).toBe(REFUSED);
  });

  it('are refused when the claims say the same of what is no policy, but of another owner', async () => {
    const canonical = { owner: 'x' };
    const of = { y: sha256(encodeUtf8(encodeCanonicalJson(canonical))) };
    expect(await code(answer({ y: canonical }), of)).toBe(REFUSED);
  });

  it.each(['constructor', 'toString'])('are refused when that of an owner named %s is missing', async (owner) => {
    expect(await code(answer({}), { [owner]: bytesOf(a) })).toBe(REFUSED);
    expect(await code(answer({ [owner]: null }), {})).toBe(REFUSED);
  });
});
