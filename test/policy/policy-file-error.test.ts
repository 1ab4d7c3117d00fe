/** The problems of a file: their order, which of them decides, and how one is shown. */
import { describe, expect, it } from 'vitest';
import type { PolicyCode } from '../../src/error-table.ts';
import { PolicyFileError, type PolicyProblem, renderProblem } from '../../src/policy/policy-file-error.ts';

const problem = (line: number, column: number, code: PolicyCode = 'ERR_POLICY_VALUE'): PolicyProblem => ({
  code,
  at: { file: 'f', line, column },
  what: `at ${line}:${column}`,
});

describe('an error with several problems', () => {
  const make = (): PolicyFileError =>
    new PolicyFileError(
      problem(9, 1),
      [
        problem(10, 2),
        problem(3, 7),
        problem(2, 20),
        problem(3, 5, 'ERR_POLICY_LIMIT'),
        problem(2, 3, 'ERR_POLICY_SYNTAX'),
      ],
      { cause: 'x', text: 'whole file' },
    );

  it('has them in the order of the file', () => {
    expect(make().problems.map(({ what }) => what)).toEqual([
      'at 2:3',
      'at 2:20',
      'at 3:5',
      'at 3:7',
      'at 9:1',
      'at 10:2',
    ]);
  });

  it('has the code and the place of the first one', () => {
    expect(make()).toMatchObject({ code: 'ERR_POLICY_SYNTAX', message: 'f:2:3: at 2:3' });
  });

  it('keeps its cause and the text of the file, which is empty when it is not known', () => {
    expect(make()).toMatchObject({ cause: 'x', text: 'whole file' });
    expect(new PolicyFileError(problem(1, 1))).toMatchObject({ text: '', problems: [problem(1, 1)] });
    expect(new PolicyFileError(problem(1, 1)).problems).toHaveLength(1);
  });
});

describe('a problem is shown', () => {
  it('with its line and a caret under the place, however many digits the line has', () => {
    const text = `${'a: b\n'.repeat(11)}c: d\n`;
    expect(renderProblem(problem(12, 4), text)).toBe('f:12:4: at 12:4\n  12 | c: d\n     |    ^');
    expect(renderProblem(problem(1, 1), text)).toBe('f:1:1: at 1:1\n  1 | a: b\n    | ^');
  });

  it('without a byte order mark in front; one that stands elsewhere can be seen', () => {
    expect(renderProblem(problem(1, 4), '\ufeffa: b')).toContain('| a: b\n    |    ^');
    expect(renderProblem(problem(1, 4), 'a: \ufeffb')).toContain('| a: \ufffdb\n');
  });

  it('without a line when the file has none there', () => {
    expect(renderProblem(problem(2, 1), 'a: b')).toBe('f:2:1: at 2:1');
    expect(renderProblem(problem(2, 1), 'a: b\n')).toBe('f:2:1: at 2:1\n  2 | \n    | ^');
  });

  it('with at most 110 characters of its line, from 60 before the place', () => {
    const line = Array.from({ length: 300 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
    const [, shown = '', caret = ''] = renderProblem(problem(1, 61), line).split('\n');
    expect(shown).toBe(`  1 | ${line.slice(1, 111)}`);
    expect(caret).toBe(`    | ${' '.repeat(59)}^`);
    expect(renderProblem(problem(1, 60), line).split('\n')[1]).toBe(`  1 | ${line.slice(0, 110)}`);
  });
});
