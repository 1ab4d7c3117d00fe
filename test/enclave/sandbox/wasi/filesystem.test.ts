/** wasi:filesystem of WASI 0.2: its descriptors and streams over trees, and a program of a toolchain that uses them. */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { componentNew } from '@bytecodealliance/jco';
import { describe, expect, it } from 'vitest';
import { makeDirectory, makeLink, removeFile } from '../../../../src/enclave/sandbox/files/names.ts';
import { type DirectoryNode, makeRoot } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { Volume } from '../../../../src/enclave/sandbox/files/volume.ts';
import { openGuest } from '../../../../src/enclave/sandbox/guest.ts';
import { NO_EGRESS } from '../../../../src/enclave/sandbox/guest-call.ts';
import { FILESYSTEM } from '../../../../src/enclave/sandbox/wasi/filesystem.ts';
import type { InputStream, OutputStream } from '../../../../src/enclave/sandbox/wasi/io.ts';
import { countingClock, makeTree, putFile, readFile } from '../files/kit.ts';
import { buildModule, bundleOf, EMPTY_RUN } from '../guests.ts';

interface Outcome {
  readonly tag: 'ok' | 'err';
  readonly val: unknown;
}
type Method = (...args: readonly unknown[]) => Outcome;
type Descriptor = Readonly<Record<string, Method>> & Disposable;
interface Filesystem {
  readonly 'wasi:filesystem/preopens': { getDirectories(call: unknown): readonly (readonly [Descriptor, string])[] };
  readonly 'wasi:filesystem/types': { filesystemErrorCode(call: unknown, error: unknown): string | undefined };
}
const HOST = FILESYSTEM as unknown as Filesystem;

function preopen(root: DirectoryNode): Descriptor {
  const [given] = HOST['wasi:filesystem/preopens'].getDirectories({ mounts: [{ path: '/', root }] });
  if (given === undefined) throw new TypeError('no directory');
  return given[0];
}

function call(descriptor: Descriptor, method: string, ...args: readonly unknown[]): Outcome {
  const run = descriptor[method];
  if (run === undefined) throw new TypeError(`no method ${method}`);
  return Reflect.apply(run, descriptor, args);
}

const NO_OPEN = { create: false, directory: false, exclusive: false, truncate: false };
const NO_FLAGS = {
  read: false,
  write: false,
  fileIntegritySync: false,
  dataIntegritySync: false,
  requestedWriteSync: false,
  mutateDirectory: false,
};
const NOFOLLOW = { symlinkFollow: false };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: unknown): string => new TextDecoder().decode(value as Uint8Array);
const ok = (val: unknown): Outcome => ({ tag: 'ok', val });
const err = (val: unknown): Outcome => ({ tag: 'err', val });

function open(
  from: Descriptor,
  path: string,
  flags: Partial<typeof NO_FLAGS>,
  how: Partial<typeof NO_OPEN> = {},
): Outcome {
  return call(from, 'openAt', NOFOLLOW, path, { ...NO_OPEN, ...how }, { ...NO_FLAGS, ...flags });
}

function opened(...args: Parameters<typeof open>): Descriptor {
  const outcome = open(...args);
  if (outcome.tag === 'err') throw new TypeError(String(outcome.val));
  return outcome.val as Descriptor;
}

function sample(): DirectoryNode {
  const root = makeTree({ bytes: 1000 });
  putFile(root, 'f', 'content');
  makeDirectory(root, 'd');
  makeLink('f', root, 'l');
  return root;
}

describe('a descriptor', () => {
  it.each([
    ['f', {}, {}, { read: true }],
    ['f', { read: true }, {}, { read: true }],
    ['f', { write: true }, {}, { write: true }],
    ['new', {}, { create: true }, { read: true, write: true }],
    ['new', { read: true }, { create: true }, { read: true, write: true }],
    ['new', { write: true }, { create: true }, { write: true }],
    ['d', {}, {}, { read: true }],
    ['d', { mutateDirectory: true }, {}, { read: true, mutateDirectory: true }],
    ['f', { read: true, fileIntegritySync: true }, {}, { read: true, fileIntegritySync: true }],
  ])('of %s with %j and %j has its flags', (path, flags, how, wanted) => {
    const descriptor = opened(preopen(sample()), path, flags, how);
    expect(call(descriptor, 'getFlags')).toEqual(ok({ ...NO_FLAGS, ...wanted }));
  });

  it.each([
    ['none', {}, {}, 'no-entry'],
    ['../f', {}, {}, 'not-permitted'],
    ['/f', {}, {}, 'not-permitted'],
    ['l', {}, {}, 'loop'],
    ['f', {}, { directory: true }, 'not-directory'],
    ['d', { write: true }, {}, 'is-directory'],
    ['f', {}, { create: true, exclusive: true }, 'exist'],
  ])('of %s with %j and %j is refused', (path, flags, how, error) => {
    expect(open(preopen(sample()), path, flags, how)).toEqual(err(error));
  });

  it('of a file is read and written only as it was opened for', () => {
    const root = sample();
    const [read, write] = [opened(preopen(root), 'f', { read: true }), opened(preopen(root), 'f', { write: true })];
    expect(call(read, 'read', 3n, 4n)).toEqual(ok([bytes('ent'), true]));
    expect(call(read, 'read', 2n, 4n)).toEqual(ok([bytes('en'), false]));
    expect(call(read, 'read', 9n, 100n)).toEqual(ok([bytes(''), true]));
    expect(call(read, 'read', 1n, 2n ** 64n - 1n)).toEqual(err('invalid'));
    expect(call(write, 'read', 1n, 0n)).toEqual(err('bad-descriptor'));
    expect(call(read, 'write', bytes('x'), 0n)).toEqual(err('bad-descriptor'));
    expect(call(read, 'setSize', 0n)).toEqual(err('bad-descriptor'));
    expect(call(write, 'write', bytes('XY'), 6n)).toEqual(ok(2n));
    expect(readFile(root, 'f')).toBe('contenXY');
    expect(call(write, 'setSize', 2n ** 62n)).toEqual(err('file-too-large'));
    expect(call(write, 'setSize', 2n)).toEqual(ok(undefined));
    expect(readFile(root, 'f')).toBe('co');
  });

  it('of a directory passes on whether names may change, whatever it was opened for', () => {
    const root = sample();
    const inner = opened(preopen(root), 'd', { read: true });
    expect(call(inner, 'createDirectoryAt', 'made')).toEqual(ok(undefined));
    expect(call(inner, 'createDirectoryAt', '../out')).toEqual(err('not-permitted'));
    expect(call(inner, 'renameAt', 'made', preopen(root), 'moved')).toEqual(ok(undefined));
    expect(call(preopen(root), 'removeDirectoryAt', 'moved')).toEqual(ok(undefined));
  });

  it('of a tree that may not change refuses every change', () => {
    const root = makeRoot(
      new Volume({ device: 1n, writable: false, limits: { bytes: 9, entries: 9 }, now: countingClock() }),
    );
    const directory = preopen(root);
    expect(call(directory, 'getFlags')).toEqual(ok({ ...NO_FLAGS, read: true }));
    for (const [method, ...args] of [
      ['createDirectoryAt', 'x'],
      ['unlinkFileAt', 'x'],
      ['removeDirectoryAt', 'x'],
      ['symlinkAt', 'a', 'x'],
      ['renameAt', 'a', directory, 'x'],
      ['linkAt', NOFOLLOW, 'a', directory, 'x'],
      ['setTimesAt', NOFOLLOW, '.', { tag: 'now' }, { tag: 'now' }],
      ['setTimes', { tag: 'now' }, { tag: 'now' }],
    ] as const)
      expect([method, call(directory, method, ...args)]).toEqual([method, err('read-only')]);
    for (const [flags, how] of [
      [{ write: true }, {}],
      [{ mutateDirectory: true }, {}],
      [{}, { create: true }],
      [{}, { truncate: true }],
    ] as const)
      expect(open(directory, 'x', flags, how)).toEqual(err('read-only'));
    expect(open(directory, '.', {}).tag).toBe('ok');
  });

  it('of a file is no directory to begin from', () => {
    const file = opened(preopen(sample()), 'f', {});
    expect(call(file, 'statAt', NOFOLLOW, 'x')).toEqual(err('not-directory'));
    expect(call(file, 'readDirectory')).toEqual(err('not-directory'));
    expect(call(file, 'createDirectoryAt', 'x')).toEqual(err('not-directory'));
  });

  it('tells what it is', () => {
    const root = sample();
    const [directory, file] = [preopen(root), opened(preopen(root), 'f', {})];
    expect([call(directory, 'getType'), call(file, 'getType')]).toEqual([ok('directory'), ok('regular-file')]);
    expect(call(directory, 'statAt', NOFOLLOW, 'l')).toMatchObject(ok({ type: 'symbolic-link', size: 1n }));
    expect(call(directory, 'statAt', { symlinkFollow: true }, 'l')).toMatchObject(
      ok({ type: 'regular-file', size: 7n }),
    );
    expect(call(directory, 'readlinkAt', 'l')).toEqual(ok('f'));
    expect(call(directory, 'readlinkAt', 'f')).toEqual(err('invalid'));
    const time = (seconds: bigint) => ({ tag: 'timestamp', val: { seconds, nanoseconds: 7 } });
    expect(call(file, 'setTimes', time(5n), { tag: 'no-change' })).toEqual(ok(undefined));
    expect(call(file, 'stat')).toMatchObject(
      ok({ dataAccessTimestamp: { seconds: 5n, nanoseconds: 7 }, linkCount: 1n }),
    );
    const wrong = { tag: 'timestamp', val: { seconds: 1n, nanoseconds: 1_000_000_000 } };
    expect(call(file, 'setTimes', wrong, { tag: 'now' })).toEqual(err('invalid'));
    expect(call(file, 'setTimes', time(2n ** 64n - 1n), { tag: 'now' })).toEqual(err('invalid'));
  });

  it('is the same object by any of its names, and its hash says so until it changes', () => {
    const root = sample();
    const directory = preopen(root);
    call(directory, 'linkAt', NOFOLLOW, 'f', directory, 'd/g');
    const [file, second] = [opened(directory, 'f', { write: true }), opened(directory, 'd/g', {})];
    const isSame = directory['isSameObject'] as unknown as (this: Descriptor, other: Descriptor) => boolean;
    expect([isSame.call(file, second), isSame.call(file, directory)]).toEqual([true, false]);
    const before = call(file, 'metadataHash');
    expect(call(second, 'metadataHash')).toEqual(before);
    expect(call(directory, 'metadataHashAt', NOFOLLOW, 'f')).toEqual(before);
    expect(call(directory, 'metadataHash')).not.toEqual(before);
    call(file, 'write', bytes('x'), 0n);
    expect(call(file, 'metadataHash')).not.toEqual(before);
  });
});

describe('a stream', () => {
  it('reads from a place to the end, and goes on when there is more', () => {
    const root = sample();
    const file = opened(preopen(root), 'f', { read: true });
    const stream = call(file, 'readViaStream', 3n).val as InputStream;
    expect(stream.read(2n)).toEqual(ok(bytes('te')));
    expect(text((stream.read(100n) as Outcome).val)).toBe('nt');
    expect(stream.read(1n)).toEqual(err({ tag: 'closed' }));
    putFile(root, 'f', 'content and more');
    expect(text((stream.read(100n) as Outcome).val)).toBe(' and more');
  });

  it('writes at a place, or at the end', () => {
    const root = sample();
    const file = opened(preopen(root), 'f', { write: true });
    const [at, end] = [call(file, 'writeViaStream', 5n).val, call(file, 'appendViaStream').val] as OutputStream[];
    expect(at?.write(bytes('AB'))).toEqual(ok(undefined));
    expect(end?.write(bytes('!'))).toEqual(ok(undefined));
    expect(at?.write(bytes('CD'))).toEqual(ok(undefined));
    expect(end?.write(bytes('?'))).toEqual(ok(undefined));
    expect(readFile(root, 'f')).toBe('conteABCD?');
  });

  it('that has no room fails once with the error of the file, and is closed then', () => {
    const file = opened(preopen(makeTree({ bytes: 10 })), 'f', { write: true }, { create: true });
    const stream = call(file, 'writeViaStream', 0n).val as OutputStream;
    const failure = stream.write(bytes('x'.repeat(10))) as Outcome;
    const { tag, val } = failure.val as { readonly tag: string; readonly val: unknown };
    expect([failure.tag, tag]).toEqual(['err', 'last-operation-failed']);
    expect(HOST['wasi:filesystem/types'].filesystemErrorCode(null, val)).toBe('insufficient-space');
    expect(stream.write(bytes('x'))).toEqual(err({ tag: 'closed' }));
  });

  it('keeps a file alive that has no name and no descriptor any more', () => {
    const root = sample();
    const file = opened(preopen(root), 'f', { read: true });
    const stream = call(file, 'readViaStream', 0n).val as InputStream & Disposable;
    file[Symbol.dispose]();
    removeFile(root, 'f');
    expect(text((stream.read(100n) as Outcome).val)).toBe('content');
    const left = root.volume.bytesLeft;
    stream[Symbol.dispose]();
    expect(root.volume.bytesLeft).toBe(left + 7);
  });

  it('of a directory gives every name once, and then nothing', () => {
    const entries = call(preopen(sample()), 'readDirectory').val as { readDirectoryEntry(): Outcome };
    const seen = Array.from({ length: 5 }, () => entries.readDirectoryEntry());
    expect(seen).toEqual([
      ok({ type: 'regular-file', name: 'f' }),
      ok({ type: 'directory', name: 'd' }),
      ok({ type: 'symbolic-link', name: 'l' }),
      ok(undefined),
      ok(undefined),
    ]);
  });
});

describe('a program of preview1 in the adapter', () => {
  const jco = dirname(findPackageJSON('@bytecodealliance/jco', import.meta.url) ?? '');
  const adapter = readFileSync(join(jco, 'lib/wasi_snapshot_preview1.command.wasm'));

  it('makes a file through wasi:filesystem, and gets its variables', async () => {
    // Makes `new` below descriptor 3, writes 5 bytes to it, and ends with 0 when there is one variable.
    const core = await buildModule(`(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 100) "new") (data (i32.const 120) "hello")
      (data (i32.const 200) "\\78\\00\\00\\00\\05\\00\\00\\00")
      (func (export "_start")
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3) (i32.const 1) (i64.const 64)
          (i64.const 0) (i32.const 0) (i32.const 0)) (then unreachable))
        (if (call $write (i32.load (i32.const 0)) (i32.const 200) (i32.const 1) (i32.const 8)) (then unreachable))
        (if (call $sizes (i32.const 16) (i32.const 20)) (then unreachable))
        (if (i32.ne (i32.load (i32.const 16)) (i32.const 1)) (then unreachable))))`);
    const bytesOf = await componentNew(core, [['wasi_snapshot_preview1', adapter]]);
    const guest = await openGuest(bundleOf('command', bytesOf), 4096);
    const request = { ...EMPTY_RUN, env: [['K', 'V']] as const, mounts: [{ path: '/', writable: true, items: [] }] };
    const exit = await guest.command(request, NO_EGRESS, { cancel: () => undefined });
    expect(exit.code).toBe(0);
    expect(exit.changes).toEqual([[{ kind: 'file', path: 'new', bytes: bytes('hello') }]]);
  });
});
