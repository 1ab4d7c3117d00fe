/** The runner of the outside suite: it reads both forms of a specification, and only a run that is wholly as expected is good. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandTest } from '../conformance/run-command.ts';
import { readSpec } from '../conformance/spec.ts';
import { findTests, type Suite } from '../conformance/suites.ts';
import { judge, runSuite } from '../conformance/verdict.ts';
import { buildModule } from './enclave/sandbox/guests.ts';

const CHECKOUT = mkdtempSync(join(tmpdir(), 'anchorhold-suite-'));
const FOLDER = 'tests/c/testsuite/wasm32-wasip1';
const at = (name: string): string => join(CHECKOUT, FOLDER, name);
beforeAll(() => {
  mkdirSync(at('files'), { recursive: true });
  writeFileSync(at('files/there'), '');
});
afterAll(() => rmSync(CHECKOUT, { recursive: true }));

describe('a specification', () => {
  const NOTHING = { args: [], env: [], root: null, stdin: '', exitCode: 0, stdout: null, stderr: null };
  const specOf = (content: unknown) => {
    writeFileSync(at('spec.json'), JSON.stringify(content));
    return readSpec(at('spec.wasm'));
  };

  it('that is not there gives nothing, and asks for success', () => {
    expect(readSpec(at('none.wasm'))).toEqual(NOTHING);
  });

  it('of plain fields is read', () => {
    const fields = { args: ['a'], env: { K: 'V' }, root: 'files', exit_code: 3, stdout: 'out' };
    const root = at('files');
    expect(specOf(fields)).toEqual({ ...NOTHING, args: ['a'], env: [['K', 'V']], root, exitCode: 3, stdout: 'out' });
  });

  it('of operations is read', () => {
    const operations = [
      { type: 'run', args: ['a'], root: 'files' },
      { type: 'write', id: 'stdin', payload: 'one' },
      { type: 'write', id: 'stdin', payload: 'two' },
      { type: 'read', payload: 'out' },
      { type: 'read', id: 'stderr', payload: 'err' },
      { type: 'wait', exit_code: 1 },
    ];
    const read = { args: ['a'], root: at('files'), stdin: 'onetwo', exitCode: 1, stdout: 'out', stderr: 'err' };
    expect(specOf({ proposals: [], operations })).toEqual({ ...NOTHING, ...read });
  });

  it.each([
    ['a field', { exit: 1 }],
    ['a field beside operations', { operations: [], world: 'wasi:http/service' }],
    ['an operation', { operations: [{ type: 'connect' }] }],
  ])('with %s that is not known is an error', (_, content) => {
    expect(() => specOf(content)).toThrow(TypeError);
  });
});

describe('a run', () => {
  const suite = (outcomes: Readonly<Record<string, string | null>>): Suite => ({
    name: 'made-up',
    folders: [FOLDER],
    includes: () => true,
    run: (path) => Promise.resolve(outcomes[path.replace(/^.*\/|\.wasm$/g, '')] ?? null),
  });
  async function problemsOf(outcomes: Readonly<Record<string, string | null>>, listed: readonly string[]) {
    for (const name of Object.keys(outcomes)) writeFileSync(at(`${name}.wasm`), '');
    const expected = { 'made-up': Object.fromEntries(listed.map((name) => [name, 'a reason'])) };
    const made = suite(outcomes);
    const problems = judge([made], await runSuite(made, CHECKOUT, expected, () => undefined), expected);
    for (const name of Object.keys(outcomes)) rmSync(at(`${name}.wasm`));
    return problems;
  }

  it('is good when all pass, or fail as expected', async () => {
    expect(await problemsOf({ x: null, y: null }, [])).toEqual([]);
    expect(await problemsOf({ x: null, y: 'why' }, ['c/y'])).toEqual([]);
  });

  it('is not good when one fails that should pass, passes that should fail, or is not there', async () => {
    expect(await problemsOf({ x: null, y: 'why' }, [])).toHaveLength(1);
    expect(await problemsOf({ x: null, y: null }, ['c/y'])).toHaveLength(1);
    expect(await problemsOf({ x: null }, ['c/y'])).toHaveLength(1);
  });

  it('is not good when there are no tests', async () => {
    expect(await problemsOf({}, [])).toHaveLength(1);
  });

  it('takes an error of the runner as a failure of the test', async () => {
    writeFileSync(at('x.wasm'), '');
    const broken: Suite = {
      name: 'made-up',
      folders: [FOLDER],
      includes: () => true,
      run: () => Promise.reject(new TypeError('broken')),
    };
    const results = await runSuite(broken, CHECKOUT, {}, () => undefined);
    rmSync(at('x.wasm'));
    expect(results).toMatchObject([{ name: 'c/x', outcome: 'fail', why: 'broken' }]);
  });

  it('finds tests by their language and name', () => {
    writeFileSync(at('b.wasm'), '');
    writeFileSync(at('a.wasm'), '');
    expect(findTests(suite({}), CHECKOUT).map(({ name }) => name)).toEqual(['c/a', 'c/b']);
    for (const name of ['a', 'b']) rmSync(at(`${name}.wasm`));
  });
});

describe('a module', () => {
  // Ends with 3 when `there` can be opened below the first directory, otherwise with the error number.
  const WAT = `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 100) "there")
    (func (export "_start")
      (call $exit (i32.add (i32.const 3) (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 5)
        (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))))))`;

  it('passes by the real command only when its exit code is the one that is asked for', async () => {
    writeFileSync(at('opens.wasm'), await buildModule(WAT));
    const outcome = async (content: object) => {
      writeFileSync(at('opens.json'), JSON.stringify(content));
      return await runCommandTest(at('opens.wasm'));
    };
    expect(await outcome({ root: 'files', exit_code: 3 })).toBeNull();
    expect(await outcome({ root: 'files' })).toContain('exit code 3 instead of 0');
    expect(await outcome({ exit_code: 3 })).toContain('exit code 11 instead of 3');
    expect(await outcome({ root: 'files', exit_code: 3, stdout: 'x' })).toContain('stdout');
  });
});
