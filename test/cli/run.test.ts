/** `anchorhold run`: a program gets its arguments and standard streams, its exit code comes through, and nothing else is there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runFunctionFile } from '../../src/cli/run.ts';
import { buildFunctions } from '../../tools/build-functions.ts';
import { buildModule, writePreview1 } from '../enclave/sandbox/guests.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'anchorhold-run-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function* streamOf(content: string): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(content);
}

async function start(path: string, args: readonly string[] = [], stdin = '', deadlineMs = 30_000): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const writer = (name: 'stdout' | 'stderr') => ({
    write: (chunk: string | Uint8Array) => {
      written[name] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    },
  });
  const streams = { stdin: streamOf(stdin), stdout: writer('stdout'), stderr: writer('stderr') };
  const code = await runFunctionFile({
    path,
    args,
    env: [],
    directories: [],
    allow: [],
    wasi: ['0.2'],
    ...streams,
    deadlineMs,
  });
  return { code, ...written };
}

async function module(name: string, wat: string): Promise<string> {
  const path = join(FOLDER, `${name}.wasm`);
  writeFileSync(path, await buildModule(wat));
  return path;
}

beforeAll(async () => {
  for (const { name, bytes } of await buildFunctions()) writeFileSync(join(FOLDER, `${name}.wasm`), bytes);
});

/** Writes the bytes from 256 on, as many as the number at 4 says, to the stream `fd`. */
const write = (fd: number): string =>
  `(i32.store (i32.const 16) (i32.const 256)) (i32.store (i32.const 20) (i32.load (i32.const 4)))
   (drop (call $write (i32.const ${fd}) (i32.const 16) (i32.const 1) (i32.const 32)))`;

describe('a program', () => {
  it('of the component kind copies its input to its output', async () => {
    expect(await start(join(FOLDER, 'upper.wasm'), [], 'hello')).toEqual({ code: 0, stdout: 'HELLO', stderr: '' });
  });

  it('of the preview1 kind gets its arguments, name first', async () => {
    const path = await module(
      'args',
      writePreview1(
        `(drop (call $sizes (i32.const 0) (i32.const 4))) (drop (call $args (i32.const 64) (i32.const 256))) ${write(1)}`,
      ),
    );
    expect((await start(path, ['a', 'b c'])).stdout).toBe('args.wasm\0a\0b c\0');
  });

  it('reads all of its input, and then finds its end', async () => {
    const path = await module(
      'cat',
      writePreview1(
        `(i32.store (i32.const 16) (i32.const 256)) (i32.store (i32.const 20) (i32.const 512))
         (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 4))) ${write(2)}
         (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 4)))
         (call $exit (i32.load (i32.const 4)))`,
      ),
    );
    expect(await start(path, [], 'some input')).toEqual({ code: 0, stdout: '', stderr: 'some input' });
  });

  it.each([0, 1, 33, 255])('ends with exit code %i', async (code) => {
    const path = await module(`exit-${code}`, writePreview1(`(call $exit (i32.const ${code}))`));
    expect((await start(path)).code).toBe(code);
  });

  it('has no environment, no directory, and may not open a file', async () => {
    const path = await module(
      'probe',
      writePreview1(
        `(drop (call $environ (i32.const 0) (i32.const 4)))
         (if (i32.load (i32.const 0)) (then (call $exit (i32.const 100))))
         (if (i32.ne (call $prestat (i32.const 3) (i32.const 0)) (i32.const 8)) (then (call $exit (i32.const 101))))
         (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 0)
           (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0)))`,
      ),
    );
    // 8 is badf: nothing is open besides the standard streams.
    expect((await start(path)).code).toBe(8);
  });

  it('gets fault for a pointer outside of its memory', async () => {
    const path = await module(
      'fault',
      writePreview1('(call $exit (call $write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)))'),
    );
    expect((await start(path)).code).toBe(21);
  });

  it.each([
    ['traps', '(module (func (export "_start") unreachable))', 'ERR_FUNCTION_TRAP'],
    ['never ends', '(module (func (export "_start") (loop $l (br $l))))', 'ERR_FUNCTION_DEADLINE'],
    ['has no _start', '(module)', 'ERR_FUNCTION_TRAP'],
    ['imports something else', '(module (import "env" "system" (func)))', 'ERR_FUNCTION_INVALID'],
  ])('that %s is an error', async (name, wat, code) => {
    const path = await module(name.replaceAll(' ', '-'), wat);
    await expect(start(path, [], '', 1500)).rejects.toMatchObject({ code });
  });

  it('that answers HTTP is refused', async () => {
    await expect(start(join(FOLDER, 'risk-score.wasm'))).rejects.toMatchObject({ code: 'ERR_FUNCTION_INVALID' });
  });

  it('that is not there is an error of the file', async () => {
    await expect(start(join(FOLDER, 'none.wasm'))).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });
});

describe('the command', () => {
  it.each(['0', '-1', '1.5', 'soon', '99999'])('refuses --deadline %s', (deadline) => {
    const input = { positionals: ['x.wasm'], switches: new Set<string>(), values: new Map([['deadline', [deadline]]]) };
    const none = { write: () => true };
    const io = {
      stdin: streamOf(''),
      stdout: none,
      stderr: none,
      isTty: false,
      cwd: FOLDER,
      untilStopped: () => Promise.resolve(),
    };
    expect(() => run.run(input, io)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }));
  });
});
