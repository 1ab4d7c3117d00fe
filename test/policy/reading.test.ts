/** How text of others is quoted, names are joined, and the name that was meant is found. */
import { describe, expect, it } from 'vitest';
import { findNearest, joinNames, lowerFirst, quote } from '../../src/policy/reading.ts';

describe('text of others', () => {
  it.each([
    ['plain text', 'a b', '"a b"'],
    ['quotes and line ends', 'a"\nb', '"a\\"\\nb"'],
    ['what is not ASCII', 'ü\u007f\u202e🏥', '"\\u{fc}\\u{7f}\\u{202e}\\u{1f3e5}"'],
    ['nothing', '', '""'],
  ])('is quoted so that it cannot forge a line: %s', (_, text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });

  it('is cut behind 120 characters', () => {
    expect(quote('a'.repeat(120))).toBe(`"${'a'.repeat(120)}"`);
    expect(quote('a'.repeat(121))).toBe(`"${'a'.repeat(120)}..."`);
  });
});

it.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b'], 'a or b'],
  [['a', 'b', 'c'], 'a, b or c'],
])('names are joined: %j', (names, joined) => {
  expect(joinNames(names, 'or')).toBe(joined);
});

it('a sentence becomes the end of another one', () => {
  expect(lowerFirst('Ask A to add it.')).toBe('ask A to add it.');
  expect(lowerFirst('')).toBe('');
});

/** Counts changes as one would by hand: the last signs are equal, one is changed, added or left out, or two have changed places. */
function countChanges(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [x, y] = [a.slice(0, -1), b.slice(0, -1)];
  const counts = [countChanges(x, b) + 1, countChanges(a, y) + 1, countChanges(x, y) + (a.at(-1) === b.at(-1) ? 0 : 1)];
  if (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1))
    counts.push(countChanges(a.slice(0, -2), b.slice(0, -2)) + 1);
  return Math.min(...counts);
}

describe('the name that was meant', () => {
  it.each([
    ['a letter more', 'quereies', 'queries'],
    ['a letter less', 'egres', 'egress'],
    ['another letter', 'callors', 'callers'],
    ['two letters that changed places', 'quereis', 'queries'],
    ['capitals', 'Data', 'data'],
  ])('is found with %s', (_, name, meant) => {
    expect(findNearest(name, ['data', 'secrets', 'queries', 'egress', 'callers'])).toBe(meant);
  });

  it('is the nearest one, and the first of those that are as near', () => {
    expect(findNearest('abcdef', ['abcxyf', 'abcdxf', 'abcdef2'])).toBe('abcdxf');
    expect(findNearest('abx', ['aby', 'abz'])).toBe('aby');
    expect(findNearest('abc', [])).toBeNull();
  });

  it('is none when more than a third of its letters differ; one may always', () => {
    expect(findNearest('a', ['b'])).toBe('b');
    expect(findNearest('ab', ['cd'])).toBeNull();
    expect(findNearest('abcdef', ['abcdxy'])).toBe('abcdxy');
    expect(findNearest('abcdef', ['abcxyz'])).toBeNull();
    expect(findNearest('abcdefghi', ['abcdefxyz'])).toBe('abcdefxyz');
  });

  it('is not looked for when it is longer than a name can be', () => {
    expect(findNearest('a'.repeat(64), [`b${'a'.repeat(63)}`])).not.toBeNull();
    expect(findNearest('a'.repeat(65), [`b${'a'.repeat(64)}`])).toBeNull();
  });

  it('is as many changes away as one counts by hand, for all short words of three letters', () => {
    const letters = ['a', 'b', 'c'];
    const pairs = letters.flatMap((x) => letters.map((y) => x + y));
    const words = ['', ...letters, ...pairs, ...pairs.flatMap((pair) => letters.map((z) => pair + z))];
    const wrong: string[] = [];
    // Letters that are equal and belong to no word make room for so many changes.
    for (const a of words)
      for (const b of words)
        for (const room of [1, 2]) {
          const tail = 'xyzuvw'.slice(0, Math.max(0, room * 3 - a.length));
          const isNear = countChanges(a, b) <= Math.max(1, Math.floor((a.length + tail.length) / 3));
          if ((findNearest(a + tail, [b + tail]) !== null) !== isNear) wrong.push(`${a}${tail} ${b}${tail}`);
        }
    expect(wrong).toEqual([]);
  });
});
