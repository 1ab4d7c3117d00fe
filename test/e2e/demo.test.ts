/** `make demo` as README says it: it must end well, and must have shown both windows and every impostor. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

it('runs the demo to its end', { timeout: 240_000 }, async () => {
  // Run by make itself, this make would take itself for a part of that one and announce its folders.
  const { MAKEFLAGS: _flags, MAKELEVEL: _level, ...env } = process.env;
  const { stdout } = await promisify(execFile)('make', ['demo'], { cwd: ROOT, env, maxBuffer: 1 << 22 });
  const steps = stdout.split('\n').filter((line) => /^( ok |FAIL) /.test(line));
  expect(steps.filter((line) => line.startsWith('FAIL'))).toEqual([]);
  expect(steps).toHaveLength(29);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('29 passed, 0 failed');
  expect(stdout.split('\n').find((line) => line.includes('SIMULATED'))).toBeDefined();
});
