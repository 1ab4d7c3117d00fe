/** Which path a pattern names and others do not: by hand, and by asking every path of a small universe. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findUncovered } from '../../../src/policy/compare/path-set.ts';
import { matchesPath } from '../../../src/policy/path.ts';
import type { PathPattern } from '../../../src/policy/policy.ts';

const pattern = (text: string): PathPattern => ({ segments: text.slice(1).split('/') });

describe('a pattern', () => {
  it.each<readonly [one: string, others: readonly string[], path: string | null]>([
    ['/f/a', [], '/f/a'],
    ['/f/a', ['/f/a'], null],
    ['/f/a', ['/f/b', '/f', '/f/a/b'], '/f/a'],
    ['/f/*', [], '/f/x'],
    ['/f/*', ['/f/a', '/f/b'], '/f/x'],
    ['/f/*', ['/f/x', '/f/x1'], '/f/x2'],
    ['/f/*', ['/f/*'], null],
    ['/f/*', ['/f/**'], null],
    ['/f/*', ['/f/a%2Fb'], '/f/x'],
    ['/f/*/b', ['/f/a/*', '/f/x/*'], '/f/x1/b'],
    ['/f/*/*', ['/f/*/a', '/f/a/*'], '/f/x/x'],
    ['/f/**', [], '/f/x'],
    ['/f/**', ['/f/*'], '/f/x/x'],
    ['/f/**', ['/f/*', '/f/*/*/**'], '/f/x/x'],
    ['/f/**', ['/f/*', '/f/*/*', '/f/*/', '/f/*/*/'], '/f/x/x/x'],
    ['/f/**', ['/f/a/**', '/f/a'], '/f/x'],
    // A rest may end with an empty part, and it has at least one before that.
    ['/f/**', ['/f/*', '/f/*/**'], '/f/x/'],
    ['/f/**', ['/f/*', '/f/*/*', '/f/*/', '/f/*/*/**'], '/f/x/x/'],
    ['/f/**', ['/f/*', '/f/*/', '/f/*/**'], null],
    ['/**', ['/*', '/*/', '/*/**'], null],
    ['/f/', ['/f', '/f/*', '/f/**'], '/f/'],
    // A wildcard never stands for an encoded slash.
    ['/f/a%2Fb', ['/f/*', '/f/**'], '/f/a%2Fb'],
    ['/f/*/a%2Fb', ['/f/**', '/f/a/a%2Fb'], '/f/x/a%2Fb'],
    ['/f/a%2Fb/*', ['/f/a%2Fb/**'], null],
    ['/f/a%2Fb/**', ['/f/a%2Fb/**'], null],
  ])('%s is covered by %j but for %s', (one, others, path) => {
    expect(findUncovered(pattern(one), others.map(pattern))).toBe(path);
  });

  it('is covered by others exactly when they name every path of it', () => {
    const part = fc.constantFrom('a', 'b', '*', '*', 'c%2Fd');
    const some = fc
      .tuple(fc.array(part, { maxLength: 2 }), fc.constantFrom([], [], ['**'], ['']))
      .map(([parts, end]): PathPattern => ({ segments: ['f', ...parts, ...end] }));
    // Two names that no pattern has, and rests that are longer than every pattern.
    const names = ['a', 'y', 'z', 'c%2Fd'];
    const longer = (paths: readonly string[][]): string[][] => paths.flatMap((path) => names.map((n) => [...path, n]));
    const whole = Array.from({ length: 5 }).reduce<string[][]>((all) => [...all, ...longer(all)], [['f']]);
    const paths = [...new Set(whole.flatMap((path) => [path.join('/'), [...path, ''].join('/')]))];
    const universe = paths.map((path) => path.split('/'));
    let covered = 0;
    fc.assert(
      fc.property(some, fc.array(some, { maxLength: 5 }), (one, others) => {
        const isLeftOut = (path: readonly string[]): boolean =>
          matchesPath(one, path) && !others.some((other) => matchesPath(other, path));
        const found = findUncovered(one, others);
        if (found === null) covered++;
        expect(found === null ? universe.filter(isLeftOut) : isLeftOut(found.slice(1).split('/'))).toEqual(
          found === null ? [] : true,
        );
      }),
      { numRuns: 300 },
    );
    expect(covered).toBeGreaterThan(20);
  });

  it('of many parts is held against many others at once', () => {
    const parts = Array.from({ length: 300 }, () => '*');
    const others = parts.flatMap((_, i) => ['a', 'b'].map((name) => ({ segments: parts.with(i, name) })));
    expect(findUncovered({ segments: parts }, others)).toBe(`/${parts.map(() => 'x').join('/')}`);
    expect(findUncovered({ segments: parts }, [...others, { segments: ['**'] }])).toBe(null);
  });
});
