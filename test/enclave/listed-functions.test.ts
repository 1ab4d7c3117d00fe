/** A function is loaded only when its bytes have the digest that every owner who lists the name gives it. */
import { describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { digestFunction, findListed } from '../../src/enclave/listed-functions.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { OwnerPolicy } from '../../src/policy/policy.ts';

const BYTES = Uint8Array.from([1, 2, 3]);
const RIGHT = formatDigest(sha256(BYTES));
const WRONG = `sha256:${'0'.repeat(64)}`;

function policy(owner: string, functions: Readonly<Record<string, string | object>>): OwnerPolicy {
  const listed = JSON.stringify(functions);
  const text = `anchorhold: owner-policy/1\nowner: ${owner}\nversion: 1\nvalid: { from: 2020-01-01, until: 2099-01-01 }\nfunctions: ${listed}\n`;
  return parseOwnerPolicy(text, { file: `${owner}.yaml`, references: () => null });
}

describe('a function', () => {
  it.each([
    ['one owner lists', [policy('a', { f: RIGHT })]],
    ['all owners who list it agree on', [policy('a', { f: RIGHT }), policy('b', { f: RIGHT })]],
    ['one owner lists and another does not know', [policy('a', { f: RIGHT }), policy('b', { g: WRONG })]],
  ])('that %s may be loaded', (_name, policies) => {
    expect(findListed('f', digestFunction(BYTES), policies).digest).toBe(RIGHT);
  });

  it.each([
    ['nobody lists, because there is no owner', []],
    ['nobody lists', [policy('a', {})]],
    ['is listed under another name', [policy('a', { g: RIGHT })]],
    ['has another digest', [policy('a', { f: WRONG })]],
    ['has another digest for one of two owners', [policy('a', { f: RIGHT }), policy('b', { f: WRONG })]],
  ])('that %s may not', (_name, policies) => {
    expect(() => findListed('f', digestFunction(BYTES), policies)).toThrow(
      expect.objectContaining({ code: 'ERR_FUNCTION_DIGEST' }) as Error,
    );
  });

  it('runs on the strictest terms of those who list it, and of nobody else', () => {
    const pooled = policy('a', { f: { digest: RIGHT, instances: 'pooled', deadline: '5 s' } });
    const short = policy('b', { f: { digest: RIGHT, instances: 'pooled', 'calls-per-instance': '9' } });
    const other = policy('c', { g: RIGHT });
    const { terms } = findListed('f', digestFunction(BYTES), [pooled, short, other]);
    expect(terms).toMatchObject({ instances: { kind: 'pooled', calls: 9 }, deadlineMs: 5000 });
    expect(findListed('f', digestFunction(BYTES), [pooled, policy('b', { f: RIGHT })]).terms.instances).toEqual({
      kind: 'fresh',
    });
  });

  it('is refused with the line that an owner would add, or that says otherwise', () => {
    expect(() => findListed('f', digestFunction(BYTES), [])).toThrow(`f: ${RIGHT}`);
    expect(() => findListed('f', digestFunction(BYTES), [policy('b', { f: WRONG })])).toThrow('b.yaml:5');
  });
});
