/** The suites: where their modules are in a checkout of WebAssembly/wasi-testsuite, and what runs one of them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommandTest } from './run-command.ts';

export interface Suite {
  readonly name: string;
  /** Folders of modules, below the checkout; a test is named by the first part of its folder's path and its own name. */
  readonly folders: readonly string[];
  /** Runs a module; gives null when it passes, or why it fails. */
  readonly run: (modulePath: string) => Promise<string | null>;
}

export const SUITES: readonly Suite[] = [
  {
    name: 'preview1',
    folders: ['assemblyscript', 'c', 'rust'].map((language) => `tests/${language}/testsuite/wasm32-wasip1`),
    run: runCommandTest,
  },
];

export interface SuiteTest {
  readonly name: string;
  readonly modulePath: string;
}

/** Finds the tests of a suite, in the order of their names. */
export function findTests(suite: Suite, checkout: string): readonly SuiteTest[] {
  return suite.folders.flatMap((folder) => {
    const path = join(checkout, folder);
    const files = existsSync(path) ? readdirSync(path).filter((file) => file.endsWith('.wasm')) : [];
    const [, language = folder] = folder.split('/');
    return files
      .sort()
      .map((file) => ({ name: `${language}/${file.replace(/\.wasm$/, '')}`, modulePath: join(path, file) }));
  });
}
