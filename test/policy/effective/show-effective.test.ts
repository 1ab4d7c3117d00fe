/** What owners allow together, in the words that they read. */
import { describe, expect, it } from 'vitest';
import { showEffective } from '../../../src/policy/effective/show-effective.ts';
import { combine, DIGEST, OTHER_DIGEST, policyOf } from './owners.ts';

const PIN = `spki-sha256:${'11'.repeat(32)}`;
const results = (max: string, ...types: readonly string[]): object => ({ results: { max, types } });

describe('what owners allow together', () => {
  it('is said in full', () => {
    const a = policyOf('a', {
      queries: [
        { allow: ['ada', 'bob'], to: 'POST /f/**', limit: '100/day' },
        { allow: 'ada', to: 'GET /f/own' },
      ],
      egress: [
        { to: 'https://a.test/**', methods: ['GET', 'POST'], pin: PIN, limit: '1 MiB/day' },
        { to: 'tcp://a.test:1', limit: '5/hour' },
      ],
      ...results('1 KiB', 'text/plain', 'text/csv'),
    });
    const b = policyOf('b', {
      queries: [{ allow: 'bob', to: 'POST /f/*', limit: '3/minute' }],
      egress: [
        { to: 'https://a.test/x', methods: ['GET', 'POST'] },
        { to: 'tcp://a.test:1', limit: '9/day' },
      ],
      ...results('2 KiB', 'text/csv', 'text/plain'),
    });
    expect(showEffective(combine(a, b))).toBe(`Function f
  a and b must all allow what happens.
  In force from 2026-01-01T00:00:00.000Z until just before 2028-01-01T00:00:00.000Z.
  code: exactly ${DIGEST}
  Who may ask what
    - POST /f/*: whoever proves to be ada or bob to a and bob to b, each at most 100 per day (a), each at most 3 per minute (b)
    (a allows GET /f/own, but no rule of b does)
  Where the code may connect
    - GET and POST to https://a.test/x, only to a server with the public key ${PIN}, together at most 1 MiB per day (a)
    - connections of its own to tcp://a.test:1, together at most 5 per hour (a), together at most 9 per day (b)
  What may come back
    at most 1 KiB, as text/plain or text/csv
`);
  });

  it('is said as plainly where it is nothing', () => {
    expect(showEffective(combine(policyOf('a')))).toBe(`Function f
  a must allow what happens.
  In force from 2026-01-01T00:00:00.000Z until just before 2028-01-01T00:00:00.000Z.
  code: exactly ${DIGEST}
  Who may ask what
    nobody may ask anything
  Where the code may connect
    nowhere
  What may come back
    nothing
`);
    expect(showEffective([])).toBe('No owner lists any code, so nothing is allowed.\n');
  });

  it('is nothing to come back where no type is of both', () => {
    const some = combine(policyOf('a', results('1 B', 'a/b')), policyOf('b', results('1 B', 'c/d')));
    expect(showEffective(some)).toContain('\n  What may come back\n    nothing\n');
  });

  it('ends with the head where it cannot run, one function after the other', () => {
    const a = policyOf('a', { functions: { f: DIGEST, g: DIGEST } });
    const b = policyOf('b', { functions: { f: OTHER_DIGEST } });
    const c = policyOf('c', { functions: { g: DIGEST }, valid: { from: '2028-01-01', until: '2029-01-01' } });
    expect(showEffective(combine(a, b, c))).toBe(`Function f
  a and b must all allow what happens.
  It does not run: they do not list the same code.

Function g
  a and c must all allow what happens.
  It is never allowed: there is no time at which all of them are in force.
`);
  });
});
