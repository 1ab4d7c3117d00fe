/** What an owner is told when a function may run under other terms: each term one step wider, one step stricter, and the same. */
import { describe, expect, it } from 'vitest';
import { DIGEST, HEAD, OTHER_DIGEST } from '../sample.ts';
import { openings } from './openings.ts';

const functions = (entries: string): string => HEAD.replace(/functions: .*/, `functions: { ${entries} }`);
const withTerms = (terms: string): string => functions(`risk-score: { digest: ${DIGEST}${terms} }`);

describe('the terms of a function', () => {
  const CLOCK = 'it has a clock and randomness';
  const UNKNOWN = 'processor time: counted in another way, which cannot be compared (not certain)';
  it.each<readonly [older: string, newer: string, opens: readonly string[], closes: readonly string[]]>([
    ['', ', instances: pooled, calls-per-instance: 7', ['memory is kept for up to 7 queries'], []],
    [
      ', instances: pooled, calls-per-instance: 7',
      ', instances: pooled, calls-per-instance: 8',
      ['memory is kept for 8 queries and not only 7'],
      [],
    ],
    [', deterministic: required', '', [CLOCK], []],
    [', deadline: 5 s', '', ['time: as much as the worker gives and not only 5 s'], []],
    [', deadline: 5 s', ', deadline: 6 s', ['time: 6 s and not only 5 s'], []],
    [', memory: 1 MiB', '', ['memory: as much as the worker gives and not only 1 MiB'], []],
    [', memory: 1 MiB', ', memory: 2 MiB', ['memory: 2 MiB and not only 1 MiB'], []],
    [', cpu: 1 s', '', ['processor time: as much as the worker gives and not only 1 s'], []],
    [', cpu: 1 s', ', cpu: 1500 ms', ['processor time: 1500 ms and not only 1 s'], []],
    [
      ', deterministic: required, cpu: 1 s',
      ', deterministic: required, cpu: 2 s',
      ['processor time: 2 s and not only 1 s'],
      [],
    ],
    [', deterministic: required, cpu: 1 s', ', cpu: 1 s', [CLOCK, UNKNOWN], [UNKNOWN]],
    [', deterministic: required', ', cpu: 1 s', [CLOCK], [UNKNOWN]],
    ['', ', scratch: 1 MiB', ['1 MiB in /tmp'], []],
    [', scratch: 1 MiB', ', scratch: 2 MiB', ['2 MiB in /tmp and not only 1 MiB'], []],
    ['', ', env: { A: "1" }', ['it is told A="1"'], []],
    [', env: { A: "1" }', ', env: { A: "2" }', ['it is told A="2"'], ['it is told A="1"']],
    [', env: { A: "1" }', ', env: { B: "1" }', ['it is told B="1"'], ['it is told A="1"']],
    [', env: { A: "1", B: "2" }', ', env: { A: "1", B: "2", C: "3", D: "4" }', ['it is told C="3", D="4"'], []],
    [
      ', deadline: 5 s, memory: 1 MiB',
      ', deadline: 6 s, memory: 1 MiB, scratch: 1 B',
      ['time: 6 s and not only 5 s', '1 B in /tmp'],
      [],
    ],
  ])('from {%s} to {%s}', (older, newer, opens, closes) => {
    const told = (clauses: readonly string[]) =>
      clauses.map((clause) => `functions 5:14 risk-score may run with more: ${clause}`);
    expect(openings(withTerms(older), withTerms(newer))).toEqual(told(opens));
    expect(openings(withTerms(newer), withTerms(older))).toEqual(told(closes));
    expect(openings(withTerms(newer), withTerms(newer))).toEqual([]);
  });
});

describe('code', () => {
  const runs = (digest: string, name: string) => `the code ${digest} may run as ${name}`;
  it.each<readonly [what: string, older: string, newer: string, opens: readonly string[]]>([
    ['of another digest', `a: ${DIGEST}`, `a: ${OTHER_DIGEST}`, [`functions 5:14 ${runs(OTHER_DIGEST, 'a')}`]],
    ['of another name', `a: ${DIGEST}`, `b: ${DIGEST}`, [`functions 5:14 ${runs(DIGEST, 'b')}`]],
    ['in another order', `a: ${DIGEST}, b: ${OTHER_DIGEST}`, `b: ${OTHER_DIGEST}, a: ${DIGEST}`, []],
    [
      'of one digest and two names',
      `a: ${DIGEST}, b: { digest: ${DIGEST}, deadline: 1 s }`,
      `a: ${DIGEST}, b: { digest: ${DIGEST}, deadline: 2 s }`,
      ['functions 5:90 b may run with more: time: 2 s and not only 1 s'],
    ],
  ])('%s', (_what, older, newer, opens) => {
    expect(openings(functions(older), functions(newer))).toEqual(opens);
  });
});
