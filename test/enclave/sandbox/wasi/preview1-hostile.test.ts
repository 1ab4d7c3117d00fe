/** Whatever a guest passes to preview1, it gets an error number: never an exception of the host, never a byte outside of its memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openGuest } from '../../../../src/enclave/sandbox/guest.ts';
import { NO_EGRESS } from '../../../../src/enclave/sandbox/guest-call.ts';
import { PREVIEW1_NAMES } from '../../../../src/enclave/sandbox/wasi/preview1.ts';
import { makeTree, putFile } from '../files/kit.ts';
import { buildModule, bundleOf, EMPTY_RUN } from '../guests.ts';
import { openTestGuest } from './preview1-kit.ts';

/** Every function with its parameters: i is 32 bits, I is 64. */
const PARAMETERS: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
};

/** Functions that do not give an error number at once: one ends the guest, one suspends it. */
const OTHERS: readonly string[] = ['proc_exit', 'poll_oneoff'];

const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 5, 8, 16, 64, 65_528, 65_535, 65_536, 0x7fff_ffff, -0x8000_0000, -8, -1),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
);
const long = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 0x1fff_ffffn),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const call = fc
  .constantFrom(...Object.keys(PARAMETERS).filter((name) => !OTHERS.includes(name)))
  .chain((name) =>
    fc.tuple(fc.constant(name), fc.tuple(...(PARAMETERS[name] ?? '').split('').map((p) => (p === 'i' ? word : long)))),
  );

describe('preview1', () => {
  it('has every function, and no other', () => {
    expect([...PREVIEW1_NAMES].sort()).toEqual(Object.keys(PARAMETERS).sort());
  });

  it('answers any call with an error number', () => {
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 30 }),
        fc.uint8Array({ maxLength: 512 }),
        (calls, bytes) => {
          const root = makeTree({ bytes: 10_000, entries: 50 });
          putFile(root, 'a', 'content');
          const guest = openTestGuest({
            mounts: [{ path: '/', root }],
            args: ['x', 'y'],
            env: [['K', 'V']],
            stdin: 'in',
          });
          guest.memory.set(bytes);
          for (const [name, args] of calls) {
            const errno = guest.errno(name, ...args);
            expect([name, args, Number.isInteger(errno) && errno >= 0 && errno <= 76]).toEqual([name, args, true]);
          }
          expect(guest.fate.failure).toBeNull();
          expect(root.volume.bytesLeft).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  const FAULT = 21;
  it.each([
    ['fd_write', [1, 65_532, 1, 0]],
    ['fd_write', [1, 0, 1, 65_533]],
    ['fd_read', [0, -8, 1, 0]],
    ['fd_fdstat_get', [1, 65_513]],
    ['fd_filestat_get', [1, 65_473]],
    ['fd_prestat_get', [3, 65_529]],
    ['args_sizes_get', [0, 65_533]],
    ['environ_sizes_get', [-4, 0]],
    ['clock_time_get', [0, 0n, 65_529]],
    ['random_get', [65_535, 2]],
    ['path_unlink_file', [3, 65_535, 2]],
    ['fd_readdir', [3, 65_000, 537, 0n, 0]],
  ])('gives fault where %s reaches past the memory', (name, args) => {
    const guest = openTestGuest({ mounts: [{ path: '/', root: makeTree() }] });
    const before = guest.memory.slice();
    expect(guest.errno(name, ...args)).toBe(FAULT);
    expect(guest.memory).toEqual(before);
  });

  it('takes as many buffers as Linux, and no more', () => {
    const guest = openTestGuest();
    expect(guest.errno('fd_write', 1, 0, 1024, 0)).toBe(0);
    expect(guest.errno('fd_write', 1, 0, 1025, 0)).toBe(28);
    expect(guest.errno('fd_write', 1, 0, -1, 0)).toBe(28);
  });

  it('opens as many files as one guest may, and no more', () => {
    const root = makeTree();
    putFile(root, 'f', '');
    const guest = openTestGuest({ mounts: [{ path: '/', root }] });
    const [at, length] = guest.put(100, 'f');
    const open = (): number => guest.errno('path_open', 3, 0, at, length, 0, 2n, 0n, 0, 0);
    for (let i = 4; i < 1024; i++) expect(open()).toBe(0);
    expect(open()).toBe(33);
    expect(guest.errno('fd_close', 500)).toBe(0);
    expect(open()).toBe(0);
    expect(guest.view.getUint32(0, true)).toBe(500);
  });

  it('opens nothing that the guest could not be told of', () => {
    const root = makeTree();
    const guest = openTestGuest({ mounts: [{ path: '/', root }] });
    const [at, length] = guest.put(100, 'new');
    expect(guest.errno('path_open', 3, 0, at, length, 1, 2n, 0n, 0, 65_533)).toBe(FAULT);
    expect([...root.entries()]).toEqual([]);
  });
});

describe('a module', () => {
  const run = async (wat: string) => {
    const guest = await openGuest(bundleOf('preview1', await buildModule(wat)), 4096);
    return await guest.command(EMPTY_RUN, NO_EGRESS, { cancel: () => undefined });
  };
  const importing = (name: string, type: string, body: string, more = ''): string => `(module
    (import "wasi_snapshot_preview1" "${name}" (func $f ${type}))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) ${more}
    (func (export "_start") ${body}))`;

  it('ends with its exit code, all 32 bits of it', async () => {
    expect((await run(importing('sched_yield', '(result i32)', '(call $exit (i32.const -2))'))).code).toBe(2 ** 32 - 2);
  });

  it('cannot catch its own end', async () => {
    const body = `(block $caught (try_table (catch_all $caught) (call $exit (i32.const 7)))) (call $exit (i32.const 9))`;
    expect((await run(importing('sched_yield', '(result i32)', body))).code).toBe(7);
  });

  it('that fails is told of with its last words', async () => {
    const more = '(data (i32.const 100) "it went wrong\\n") (data (i32.const 200) "\\64\\00\\00\\00\\0e\\00\\00\\00")';
    const body = '(drop (call $f (i32.const 2) (i32.const 200) (i32.const 1) (i32.const 8))) unreachable';
    const failing = run(importing('fd_write', '(param i32 i32 i32 i32) (result i32)', body, more));
    await expect(failing).rejects.toThrow('after it wrote: it went wrong');
  });

  it('waits for a clock, and goes on', async () => {
    // A subscription of 1 ms by the monotonic clock, its event at 64, the number of events at 128.
    const body = `(i64.store (i32.const 0) (i64.const 5)) (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const 1000000))
      (drop (call $f (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
      (call $exit (i32.add (i32.load (i32.const 64)) (i32.load (i32.const 128))))`;
    expect((await run(importing('poll_oneoff', '(param i32 i32 i32 i32) (result i32)', body))).code).toBe(6);
  });

  it('gets an error number for a poll that is none', async () => {
    const poll = (args: string): string =>
      importing('poll_oneoff', '(param i32 i32 i32 i32) (result i32)', `(call $exit (call $f ${args}))`);
    const ints = (...numbers: readonly number[]): string => numbers.map((n) => `(i32.const ${n})`).join(' ');
    expect((await run(poll(ints(0, 64, 0, 128)))).code).toBe(28);
    expect((await run(poll(ints(0, 64, 5000, 128)))).code).toBe(28);
    expect((await run(poll(ints(65_500, 64, 1, 128)))).code).toBe(21);
    expect((await run(poll(ints(0, 65_535, 1, 128)))).code).toBe(21);
  });

  it('has no memory to touch while it is being started', async () => {
    const body = '(call $exit (global.get $errno))';
    const more = `(global $errno (mut i32) (i32.const 0)) (start $early)
      (func $early (global.set $errno (call $f (i32.const 0) (i32.const 8))))`;
    expect((await run(importing('random_get', '(param i32 i32) (result i32)', body, more))).code).toBe(21);
  });
});
