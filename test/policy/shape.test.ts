/** The grammar of places: what is told where something else stands than belongs there, and that no other error is swallowed. */
import { describe, expect, it } from 'vitest';
import { PolicyFileError } from '../../src/policy/policy-file-error.ts';
import { Gathering, problemAt } from '../../src/policy/shape.ts';
import { DIGEST, HEAD, parse } from './sample.ts';

/** Gives the problems of the head and this text, each as `line:column what`. */
function problemsOf(text: string): readonly string[] {
  try {
    parse(HEAD + text);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    return error.problems.map(({ at, what }) => `${at.line}:${at.column} ${what}`);
  }
}

describe('where something else stands', () => {
  it.each([
    ['a list for a value', 'explain: []\n', '6:10 a list stands where a single value belongs'],
    ['a map for a value', 'explain: {}\n', '6:10 a map stands where a single value belongs'],
    ['nothing for a value', 'explain:\n', '6:9 the value is missing: write it, or leave the key out'],
    ['another word', 'explain: all\n', '6:10 "all" is not one of anyone, callers or nobody'],
    ['a value for a list', 'tests: x\n', '6:8 tests is a list: begin each entry with "- ", or write [] for none'],
    ['a value for a map', 'data: x\n', '6:7 data is written as `key: value` lines'],
    ['a list for a map', 'data: []\n', '6:7 data is written as `key: value` lines'],
    [
      'nothing for a map',
      'data:\n',
      '6:6 data is written as `key: value` lines; nothing stands here (leave the section out to allow nothing)',
    ],
    ['a value that is listed twice', 'secrets: [a, b, a]\n', '6:17 "a" is listed twice'],
    ['a key that is nearly known', 'quereis: []\n', '6:1 the policy has no key "quereis"; did you mean "queries"?'],
    ['a key that is missing', 'results: { max: 1 B }\n', '6:10 results lacks the key "types"'],
  ])('%s, it is said what belongs there', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  it('that is like no key, all keys are named', () => {
    expect(problemsOf('results: { max: 1 B, types: [], zzz: x }\n')).toEqual([
      '6:33 results has no key "zzz"; known keys: max, types',
    ]);
  });

  it('the value of a variable is not left out', () => {
    const withEnv = HEAD.replace(DIGEST, `{ digest: ${DIGEST}, env: { A: } }`);
    expect(() => parse(withEnv)).toThrow('the value is missing');
  });
});

describe('a list', () => {
  it('tells what is wrong with each of its values, and gives none then', () => {
    expect(problemsOf('secrets: [a, B, c, D]\n').map((problem) => problem.slice(0, 4))).toEqual(['6:14', '6:20']);
  });

  it('of one value may be the value', () => {
    const rule = (allow: string): string =>
      `${HEAD}callers: { a: { certificate: { ca: ./research-ca.pem } } }\nqueries: [{ allow: ${allow}, to: POST /risk-score }]\n`;
    expect(parse(rule('a')).queries[0]?.allow).toEqual(['a']);
    expect(parse(rule('[a]')).queries[0]?.allow).toEqual(['a']);
    expect(parse(rule('[]')).queries[0]?.allow).toEqual([]);
  });
});

describe('what is gathered', () => {
  const problem = (line: number): PolicyFileError =>
    problemAt({ at: { file: 'f', line, column: 1 } }, 'ERR_POLICY_VALUE', `at ${line}`);

  it('is every problem, thrown at the end; without one there is nothing to throw', () => {
    const gathering = new Gathering();
    expect(gathering.try(() => 7)).toBe(7);
    gathering.close();
    for (const line of [3, 2])
      expect(
        gathering.try(() => {
          throw problem(line);
        }),
      ).toBeNull();
    expect(() => gathering.close()).toThrow(expect.objectContaining({ message: 'f:2:1: at 2' }));
  });

  it('is no other error', () => {
    const other = new RangeError('too deep');
    const gathering = new Gathering();
    expect(() =>
      gathering.try(() => {
        throw other;
      }),
    ).toThrow(other);
  });
});
