/** The tree that a file becomes, the places in it, and how much of everything there may be. What is refused in a whole policy is in parse.test.ts. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { PolicyFileError } from '../../src/policy/policy-file-error.ts';
import { parseYaml } from '../../src/policy/yaml.ts';

const SYNTAX = 'ERR_POLICY_SYNTAX';
const LIMIT = 'ERR_POLICY_LIMIT';

const errorOf = (text: string | Uint8Array): PolicyFileError | null => {
  try {
    parseYaml(text, 'f');
    return null;
  } catch (error) {
    if (error instanceof PolicyFileError) return error;
    throw error;
  }
};
/** Gives `CODE line:column` of the refusal, or `ok`. */
const outcome = (text: string | Uint8Array): string => {
  const problem = errorOf(text)?.problems[0];
  return problem === undefined ? 'ok' : `${problem.code} ${problem.at.line}:${problem.at.column}`;
};
const whatOf = (text: string): string | undefined => errorOf(text)?.problems[0]?.what;

const at = (line: number, column: number): object => ({ file: 'f', line, column });
const word = (text: string, line: number, column: number, plain = true): object => ({
  kind: 'text',
  at: at(line, column),
  text,
  plain,
});

describe('a file', () => {
  it('is UTF-8 of the size that a policy may have', () => {
    const most = 'a: b #'.padEnd(LIMITS.policyBytes, ' ');
    expect(outcome(most)).toBe('ok');
    expect(outcome(`${most} `)).toBe(`${LIMIT} 1:1`);
    expect(outcome(Uint8Array.of(...encodeUtf8('a: b #'), 0xff))).toBe(`${SYNTAX} 1:1`);
  });

  it('is a tree of text, lists and maps, each with its place', () => {
    expect(parseYaml(`# c\na: b\n"<<":\n  - 'x y'\n  - { k, l: no, m: }\n  -\nn: |\n  1\n  2\no:\n`, 'f')).toEqual({
      kind: 'map',
      at: at(2, 1),
      entries: [
        { key: word('a', 2, 1), value: word('b', 2, 4) },
        {
          key: word('<<', 3, 1, false),
          value: {
            kind: 'list',
            at: at(4, 3),
            items: [
              word('x y', 4, 5, false),
              {
                kind: 'map',
                at: at(5, 5),
                entries: [
                  { key: word('k', 5, 7), value: word('', 5, 7) },
                  { key: word('l', 5, 10), value: word('no', 5, 13) },
                  { key: word('m', 5, 17), value: word('', 5, 20) },
                ],
              },
              word('', 6, 4),
            ],
          },
        },
        { key: word('n', 7, 1), value: word('1\n2\n', 7, 4, false) },
        { key: word('o', 10, 1), value: word('', 10, 3) },
      ],
    });
  });

  it.each([
    ['text', 'a: [ü]\n'],
    ['bytes', encodeUtf8('a: [ü]\n')],
    ['text behind a byte order mark', '\ufeffa: [ü]\n'],
    ['text between marks of one document', '---\na: [ü]\n...\n'],
  ])('may be %s', (_, input) => {
    const [entry] = parseYaml(input, 'f').entries;
    expect([entry?.key.text, entry?.value]).toMatchObject(['a', { items: [{ text: 'ü' }] }]);
  });

  it.each([
    ['empty', ''],
    ['a comment', '# x\n'],
    ['a mark', '---\n'],
    ['two marks', '---\n...\n'],
    ['a word', 'x\n'],
    ['an empty word', "''\n"],
    ['a list', '- a\n'],
  ])('is not %s, and is told how to begin', (_, text) => {
    expect(outcome(text)).toBe(`${SYNTAX} 1:1`);
    expect(whatOf(text)).toContain('begin with `anchorhold: owner-policy/1`');
  });
});

describe('what hides in a file is refused where it stands', () => {
  it.each([
    ['an anchor before the top', '&a\nx: y\n', '1:1'],
    ['an anchor behind the mark', '--- &a\nx: y\n', '1:5'],
    ['a tag behind the mark', '--- !!map\nx: y\n', '1:5'],
    ['an anchor before a key', 'a: b\n&a x: y\n', '2:1'],
    ['an anchor before a value', 'x: &a y\n', '1:4'],
    ['an anchor before a block of text', 'x: &a |\n  y\n', '1:4'],
    ['an anchor in a flow map', 'x: { &a y: z }\n', '1:6'],
    ['an anchor in a key', '[&a b]: c\n', '1:2'],
    ['an alias as key', 'a: b\n*a : c\n', '2:1'],
    ['an alias as key of a flow map', 'x: { *a : c }\n', '1:6'],
    ['a map as key', 'a: b\n{ x: y }: z\n', '2:1'],
    ['a map as key of a flow map', 'a: { { x: y }: z }\n', '1:6'],
    ['a merge key', 'a:\n  <<: b\n', '2:3'],
    ['a directive behind the document', 'a: b\n...\n%x', '3:1'],
    ['a byte order mark that is not in front', 'a: b\ufeff\n', '1:5'],
    ['a lone surrogate', 'a: b\nc: "\\udc00"\n', '2:4'],
    ['a carriage return by its escape', 'a: "b\\rc"\n', '1:4'],
    ['the second of two keys', 'a: b\nc: d\na: b\n', '3:1'],
  ])('%s', (_, text, place) => {
    expect(outcome(text)).toBe(`${SYNTAX} ${place}`);
  });

  it('with the name of what cannot be seen', () => {
    expect(whatOf('a: b\u200bc\n')).toContain('U+200B');
    expect(whatOf('a: b\u0007c\n')).toContain('U+0007');
    expect(whatOf('a: b\u{e0061}\n')).toContain('U+E0061');
    expect(whatOf('a: b\n\tc: d\n')).toContain('use spaces');
    expect(whatOf('a: b\u200bc\n')).not.toContain('use spaces');
  });

  it('with the line of the first key where a second one stands', () => {
    expect(whatOf('a: b\nc: d\n\nc: e\n')).toContain('line 2');
  });

  it('with what the parser says, as the end of a sentence', () => {
    for (const [text, place] of [
      ['a: [x\n', '2:1'],
      ['a: "x\n', '2:1'],
      ['a: ]\n', '1:4'],
    ] as const) {
      const error = errorOf(text);
      expect(outcome(text)).toBe(`${SYNTAX} ${place}`);
      expect(error?.problems[0]?.what).toMatch(/^[a-z][a-z -]{5,}/);
    }
    const error = errorOf('a: [x\n');
    const said = error?.cause instanceof Error ? error.cause.message : '';
    expect(said).toMatch(/^F/);
    expect(error?.problems[0]?.what).toBe(`f${said.slice(1)}`);
  });
});

describe('a file may have so much', () => {
  it('text in one place', () => {
    const most = 'ü'.repeat(LIMITS.policyScalarBytes / 2);
    expect(outcome(`a: ${most}\n`)).toBe('ok');
    expect(outcome(`a: ${most}x\n`)).toBe(`${LIMIT} 1:4`);
  });

  it('lists and maps in one another', () => {
    const nested = (depth: number, inner = ''): string =>
      `${'[{x: '.repeat(depth / 2)}${inner}${'}]'.repeat(depth / 2)}`;
    expect(outcome(`a: ${nested(LIMITS.policyDepth - 2)}\n`)).toBe('ok');
    expect(outcome(`a: ${nested(LIMITS.policyDepth, '[]')}\n`)).toMatch(LIMIT);
  });

  it('lists and maps one after another', () => {
    expect(outcome(`a: [${'[], {}, '.repeat(LIMITS.policyDepth)}]\n`)).toBe('ok');
    expect(outcome(`a: [${'[[]], {x: {}}, '.repeat(LIMITS.policyDepth)}]\n`)).toBe('ok');
  });

  const many = 'a,'.repeat(LIMITS.policyNodes);
  it.each([
    ['lists', '['],
    ['maps', '{x: '],
  ])('but not many values in too many %s: it is read no further than the first of them', (_, opening) => {
    const openings = opening.repeat(LIMITS.policyDepth + 1);
    expect(outcome(`b: [[],{}]\na: ${openings}${many}`)).toBe(`${LIMIT} 2:${4 + opening.length * LIMITS.policyDepth}`);
  });
});

describe('a file may have so many values', () => {
  it('in a list: words, words in quotes, lists and maps', () => {
    const kinds = ['a', "'a'", '"a"', '[]', '{}'];
    // The key and the list are two of them.
    const items = Array.from({ length: LIMITS.policyNodes - 2 }, (_, i) => kinds[i % kinds.length]);
    const most = `a: [${items.join()}`;
    expect(outcome(`${most}]\n`)).toBe('ok');
    expect(outcome(`${most},a]\n`)).toBe(`${LIMIT} 1:${most.length + 2}`);
  });

  it('in lines', () => {
    const items = '- a\n'.repeat(LIMITS.policyNodes / 2 - 1);
    expect(outcome(`a:\n${items}`)).toBe('ok');
    expect(outcome(`a:\n${items}- a\n`)).toBe(`${LIMIT} ${LIMITS.policyNodes / 2 + 1}:3`);
  });
});
