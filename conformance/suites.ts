/** The suites: where their modules are in a checkout of WebAssembly/wasi-testsuite or bytecodealliance/jco, and what runs one of them. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCommandTest } from './run-command.ts';
import { isOutbound, runWithoutRule, runWithRule } from './run-outbound.ts';
import { runProgramTest } from './run-program.ts';
import { isService, runServiceTest } from './run-service.ts';

export interface Suite {
  readonly name: string;
  /** Folders of modules, below the checkout; a test is named by the first part of its folder's path and its own name. */
  readonly folders: readonly string[];
  /** Whether a module in these folders is one of the suite's. */
  readonly includes: (modulePath: string) => boolean;
  /** Runs a module; gives null when it passes, or why it fails. */
  readonly run: (modulePath: string) => Promise<string | null>;
}

const WASI_0_3 = 'tests/rust/testsuite/wasm32-wasip3';

export const SUITES: readonly Suite[] = [
  {
    name: 'preview1',
    folders: ['assemblyscript', 'c', 'rust'].map((language) => `tests/${language}/testsuite/wasm32-wasip1`),
    includes: () => true,
    run: runCommandTest,
  },
  {
    name: 'wasi-0.3 commands',
    folders: [WASI_0_3],
    includes: (modulePath) => !isService(modulePath),
    run: runProgramTest,
  },
  { name: 'wasi-0.3 services', folders: [WASI_0_3], includes: isService, run: runServiceTest },
];

const JCO_GUESTS = 'packages/jco-transpile/test/fixtures/components/p3/http';

/** Those of a checkout of bytecodealliance/jco. */
export const JCO_SUITES: readonly Suite[] = [
  { name: 'jco outbound, no rule', folders: [JCO_GUESTS], includes: isOutbound, run: runWithoutRule },
  { name: 'jco outbound, with a rule', folders: [JCO_GUESTS], includes: isOutbound, run: runWithRule },
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
      .map((file) => ({ name: `${language}/${file.replace(/\.wasm$/, '')}`, modulePath: join(path, file) }))
      .filter(({ modulePath }) => suite.includes(modulePath));
  });
}
