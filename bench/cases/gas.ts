/** What gas costs: tight loops with it against the same without it, by V8's optimizing compiler and by the one of deterministic mode. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type BenchCase, compared, type Figure, figure } from '../case.ts';

const SCRIPT = resolve(import.meta.dirname, '../gas-loops.ts');
const COMPILERS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ['optimized', []],
  ['baseline', ['--liftoff-only']],
];

export const gas: BenchCase = {
  name: 'gas',
  about: 'a tight loop that counts its instructions, against the same loop that does not',
  run: () => {
    const figures = COMPILERS.flatMap(([compiler, flags]): Figure[] => {
      const text = execFileSync(process.execPath, [...flags, SCRIPT], { encoding: 'utf8' });
      const results = JSON.parse(text) as Record<string, { plain: number; metered: number }>;
      return Object.entries(results).flatMap(([loop, { plain, metered }]) => {
        const base = figure(`${loop}, ${compiler}`, 'ms', plain);
        return [base, compared(`${loop}, ${compiler}, gas`, metered, base)];
      });
    });
    return Promise.resolve(figures);
  },
};
