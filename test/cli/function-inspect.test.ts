/** What `function inspect` says of components and modules, whole, as a person and as a machine reads it: golden files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { parseOwnerPolicy } from '../../src/policy/index.ts';
import { buildFunctions } from '../../tools/build-functions.ts';
import { build } from '../enclave/sandbox/component/kit.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Uses what is refused always, what is refused in deterministic mode, and an import that nobody is given. */
const REFUSED = `(module
  (import "env" "now" (func (result i64)))
  (memory 2 16)
  (memory 1)
  (func (drop (memory.atomic.notify 0 (i32.const 0) (i32.const 1))))
  (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0))))`;

const PROGRAM = `(module
  (import "wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (memory (export "memory") 3 16)
  (func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))
  (func (export "_start")))`;

/** A program of WASI 0.3. */
const NEW = '(component (instance $run) (export "wasi:cli/run@0.3.0" (instance $run)))';

beforeAll(async () => {
  for (const { name, bytes } of await buildFunctions()) writeFileSync(join(folder, `${name}.wasm`), bytes);
  writeFileSync(join(folder, 'refused.wasm'), await build(REFUSED));
  writeFileSync(join(folder, 'My Program.wasm'), await build(PROGRAM));
  writeFileSync(join(folder, 'new.wasm'), await build(NEW));
  writeFileSync(join(folder, 'text.wasm'), 'not WASM at all');
});

async function inspect(...args: readonly string[]): Promise<string> {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['function', 'inspect', ...args], io);
  expect([exit, io.err()]).toEqual([0, '']);
  return io.out();
}

describe('anchorhold function inspect', () => {
  it.each(['fetcher', 'risk-score', 'upper', 'refused', 'My Program', 'new', 'text'])(
    'of %s reads as in its golden files',
    async (name) => {
      const golden = `../golden/inspect/${name.replace(' ', '-')}`;
      await expect(await inspect(`${name}.wasm`)).toMatchFileSnapshot(`${golden}.txt`);
      const json = JSON.stringify(JSON.parse(await inspect('--json', `${name}.wasm`)), null, 2);
      await expect(`${json}\n`).toMatchFileSnapshot(`${golden}.json.txt`);
    },
  );

  it.each(['fetcher', 'upper', 'My Program'])('of %s gives a part that a policy can hold', async (name) => {
    const { policy, digest } = JSON.parse(await inspect('--json', `${name}.wasm`)) as Record<string, string>;
    const head = 'anchorhold: owner-policy/1\nowner: a\nversion: 1\nvalid: { from: 2026-11-01, until: 2027-05-01 }\n';
    const parsed = parseOwnerPolicy(head + (policy ?? ''), { file: 'p.yaml', references: () => null });
    expect(parsed.functions.map((f) => f.digest)).toEqual([digest]);
  });

  it('fails for a file that is not there', async () => {
    const io = memoryIo({ cwd: folder });
    expect(await main(['function', 'inspect', 'none.wasm'], io)).toBe(2);
  });
});
