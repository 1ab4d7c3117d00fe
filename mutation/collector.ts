/**
 * Stands in for vitest while mutants are tested: collects tests instead of running them, so that one process can load them once and run
 * those that reach a mutant again and again. Knows as much of vitest as the tests of src/attestation use; `expect` is vitest's own.
 */
import { expect } from 'vitest';

export { expect };

/** A test that was collected; `name` is unique within its file. */
export interface CollectedTest {
  readonly file: string;
  readonly name: string;
  readonly run: () => unknown;
}

type Body = (...args: never[]) => unknown;
type Each = (rows: readonly unknown[]) => (title: string, body: Body) => void;

const collected: CollectedTest[] = [];
const before: (() => unknown)[] = [];
const path: string[] = [];
let file = '';

/** Says which file the tests that come next are from. */
export function startFile(name: string): void {
  file = name;
}

/** Gives every test that was collected, and what has to be done before the first of them. */
export function takeCollected(): { readonly tests: readonly CollectedTest[]; readonly before: typeof before } {
  return { tests: collected, before };
}

/** Writes a row into a title, as far as a reader needs it. */
function titleOf(title: string, row: unknown, index: number): string {
  const values = Array.isArray(row) ? [...row] : [row];
  const named = title.replaceAll(/\$(\w+)/g, (_, key: string) => String((row as Record<string, unknown>)?.[key]));
  return `${named.replaceAll(/%[sidjo]/g, () => String(values.shift()))} [${index}]`;
}

function collect(title: string, ...rest: readonly unknown[]): void {
  // Options may stand before the body.
  const run = rest.find((item) => typeof item === 'function') as () => unknown;
  const full = [...path, title].join(' > ');
  const twins = collected.filter((test) => test.file === file && test.name.replace(/ #\d+$/, '') === full).length;
  collected.push({ file, name: twins === 0 ? full : `${full} #${twins + 1}`, run });
}

function group(title: string, body: () => unknown): void {
  path.push(title);
  body();
  path.pop();
}

/** Makes `each`, which spreads a row that is a list, or `for`, which does not. */
const each =
  (add: (title: string, run: () => unknown) => void, spread: boolean): Each =>
  (rows) =>
  (title, body) =>
    rows.forEach((row, index) => {
      const args = (spread && Array.isArray(row) ? row : [row]) as never[];
      add(titleOf(title, row, index), () => body(...args));
    });

export const it: typeof collect & { each: Each; for: Each; skip: () => void } = Object.assign(
  (title: string, ...rest: readonly unknown[]) => collect(title, ...rest),
  { each: each(collect, true), for: each(collect, false), skip: () => undefined },
);
export const describe: typeof group & { each: Each; for: Each } = Object.assign(
  (title: string, body: () => unknown) => group(title, body),
  { each: each(group, true), for: each(group, false) },
);
export const beforeAll = (run: () => unknown): void => void before.push(run);
export const afterAll = (): void => undefined;
export const vi: { setConfig: () => void } = { setConfig: () => undefined };
