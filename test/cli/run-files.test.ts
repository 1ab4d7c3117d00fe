/** `anchorhold run --dir` and `--env`: what a program sees of the host's files, and what of its changes reaches them. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readDirectoryTree } from '../../src/cli/directory-tree.ts';
import { runFunctionFile } from '../../src/cli/run.ts';
import { readDeadline, readDirectoryOption, readVariable } from '../../src/cli/run-options.ts';
import { writeBack } from '../../src/cli/write-back.ts';
import type { TreeChange } from '../../src/enclave/sandbox/files/tree-image.ts';
import { buildModule } from '../enclave/sandbox/guests.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'anchorhold-files-'));
const OUTSIDE = join(FOLDER, 'outside');
const DIR = join(FOLDER, 'dir');
afterAll(() => rmSync(FOLDER, { recursive: true }));
beforeEach(() => {
  for (const path of [OUTSIDE, DIR]) rmSync(path, { recursive: true, force: true });
  mkdirSync(OUTSIDE);
  writeFileSync(join(OUTSIDE, 'secret'), 'secret');
  mkdirSync(join(DIR, 'sub'), { recursive: true });
  writeFileSync(join(DIR, 'old'), 'old');
  symlinkSync('../outside', join(DIR, 'out'));
});

const budget = () => ({ bytes: 1000, entries: 10 });
const file = (path: string, content: string): TreeChange => ({
  kind: 'file',
  path,
  bytes: new TextEncoder().encode(content),
});

describe('reading a directory', () => {
  it('gives files, directories and links, and follows none', async () => {
    const { root, items, leftOut } = await readDirectoryTree(DIR, budget());
    expect(root).toBe(DIR);
    expect(items).toEqual([
      file('old', 'old'),
      { kind: 'link', path: 'out', target: '../outside' },
      { kind: 'directory', path: 'sub' },
    ]);
    expect(leftOut).toEqual([]);
  });

  it('reads a directory that a link leads to, because the person who names it chose it', async () => {
    const link = join(FOLDER, 'link');
    symlinkSync(DIR, link);
    expect((await readDirectoryTree(link, budget())).root).toBe(DIR);
    rmSync(link);
  });

  it('leaves out what is no file, and says so', async () => {
    const server: Server = createServer();
    await new Promise<void>((resolve) => void server.listen(join(DIR, 'socket'), resolve));
    const { items, leftOut } = await readDirectoryTree(DIR, budget());
    await new Promise((resolve) => void server.close(resolve));
    expect(items.map((i) => i.path)).toEqual(['old', 'out', 'sub']);
    expect(leftOut).toEqual(['socket: it is neither file, directory nor link']);
  });

  it('leaves out a name that is no text', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${DIR}/`), Buffer.of(0xff)]), '');
    expect((await readDirectoryTree(DIR, budget())).leftOut).toHaveLength(1);
  });

  it.each([
    ['bytes', { bytes: 22, entries: 10 }, { bytes: 21, entries: 10 }],
    ['names', { bytes: 1000, entries: 3 }, { bytes: 1000, entries: 2 }],
  ])('is capped in %s, over all directories together', async (_, enough, tooLittle) => {
    await expect(readDirectoryTree(DIR, { ...enough })).resolves.toBeDefined();
    await expect(readDirectoryTree(DIR, tooLittle)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
    const shared = { bytes: enough.bytes * 2 - 1, entries: enough.entries * 2 - 1 };
    await readDirectoryTree(DIR, shared);
    await expect(readDirectoryTree(DIR, shared)).rejects.toMatchObject({ code: 'ERR_CONFIGURATION_FILE' });
  });

  it.each(['none', 'dir/old'])('of %s is an error', async (path) => {
    await expect(readDirectoryTree(join(FOLDER, path), budget())).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION_FILE',
    });
  });
});

const DONE = { leftOut: [], failed: [] };

describe('writing back', () => {
  it('makes, replaces and removes', async () => {
    const changes: readonly TreeChange[] = [
      { kind: 'removed', path: 'out' },
      { kind: 'directory', path: 'sub/new' },
      file('sub/new/f', 'made'),
      file('old', 'changed'),
      { kind: 'link', path: 'sub/l', target: '../old' },
    ];
    expect(await writeBack(DIR, changes)).toEqual(DONE);
    expect(readFileSync(join(DIR, 'sub/new/f'), 'utf8')).toBe('made');
    expect(readFileSync(join(DIR, 'old'), 'utf8')).toBe('changed');
    expect(readlinkSync(join(DIR, 'sub/l'))).toBe('../old');
    expect(readdirSync(DIR).sort()).toEqual(['old', 'sub']);
    expect(readdirSync(join(DIR, 'sub')).sort()).toEqual(['l', 'new']);
    expect(statSync(join(DIR, 'sub/new/f')).mode & 0o7111).toBe(0);
  });

  it('keeps the permissions of what it replaces, and gives nothing more', async () => {
    chmodSync(join(DIR, 'old'), 0o4750);
    expect(await writeBack(DIR, [file('old', 'x')])).toEqual(DONE);
    expect(statSync(join(DIR, 'old')).mode & 0o7777).toBe(0o750);
  });

  it.each<[string, TreeChange]>([
    ['through a link', file('out/secret', 'stolen')],
    ['a directory through a link', { kind: 'directory', path: 'out/new' }],
    ['a removal through a link', { kind: 'removed', path: 'out/secret' }],
    ['a link that leads out', { kind: 'link', path: 'l', target: '../outside' }],
    ['a link that leads out on its way', { kind: 'link', path: 'sub/l', target: 'a/../../../outside' }],
    ['a link to an absolute path', { kind: 'link', path: 'l', target: '/etc/passwd' }],
    ['a file over a directory', file('sub', 'x')],
    ['a directory over a file', { kind: 'directory', path: 'old' }],
    ['into what is not there', file('none/f', 'x')],
    ['into a file', file('old/f', 'x')],
  ])('refuses %s, and goes on', async (_, change) => {
    const { leftOut, failed } = await writeBack(DIR, [change, file('after', 'x')]);
    expect([leftOut.length, failed.length]).toEqual(change.kind === 'link' ? [1, 0] : [0, 1]);
    expect([...leftOut, ...failed][0]).toContain(change.path);
    expect(readFileSync(join(DIR, 'after'), 'utf8')).toBe('x');
    expect(readdirSync(OUTSIDE)).toEqual(['secret']);
    expect(readFileSync(join(OUTSIDE, 'secret'), 'utf8')).toBe('secret');
    expect(readFileSync(join(DIR, 'old'), 'utf8')).toBe('old');
    expect(readdirSync(DIR).sort()).toEqual(['after', 'old', 'out', 'sub']);
  });

  it('lets no link out over another link that goes up', async () => {
    const changes: readonly TreeChange[] = [
      { kind: 'link', path: 'sub/up', target: '..' },
      { kind: 'link', path: 'direct', target: 'sub/up/old' },
      { kind: 'link', path: 'indirect', target: 'sub/up/../outside/secret' },
    ];
    const { leftOut, failed } = await writeBack(DIR, changes);
    expect([leftOut.map((line) => line.split(':')[0]), failed]).toEqual([['indirect'], []]);
    expect(readFileSync(join(DIR, 'direct'), 'utf8')).toBe('old');
    expect(existsSync(join(DIR, 'indirect'))).toBe(false);
  });

  it('replaces a link itself, and not what it leads to', async () => {
    symlinkSync('../outside/secret', join(DIR, 'to-secret'));
    expect(await writeBack(DIR, [file('to-secret', 'mine')])).toEqual(DONE);
    expect(lstatSync(join(DIR, 'to-secret')).isFile()).toBe(true);
    expect(readFileSync(join(OUTSIDE, 'secret'), 'utf8')).toBe('secret');
  });

  it('leaves a directory that holds what the program did not see', async () => {
    writeFileSync(join(DIR, 'sub/unseen'), '');
    expect((await writeBack(DIR, [{ kind: 'removed', path: 'sub' }])).failed).toHaveLength(1);
    expect(existsSync(join(DIR, 'sub/unseen'))).toBe(true);
  });
});

const IMPORTS = `
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))`;

/** Removes `old`, makes `new` with `hello` in it, both below descriptor 3; ends with the last error number. */
const EDITOR = `(module ${IMPORTS} (memory (export "memory") 1)
  (data (i32.const 100) "old") (data (i32.const 110) "new") (data (i32.const 120) "hello")
  (data (i32.const 200) "\\78\\00\\00\\00\\05\\00\\00\\00")
  (func (export "_start") (local $errno i32)
    (drop (call $unlink (i32.const 3) (i32.const 100) (i32.const 3)))
    (local.set $errno (call $open (i32.const 3) (i32.const 0) (i32.const 110) (i32.const 3) (i32.const 1) (i64.const 64)
      (i64.const 0) (i32.const 0) (i32.const 0)))
    (if (i32.eqz (local.get $errno))
      (then (drop (call $write (i32.load (i32.const 0)) (i32.const 200) (i32.const 1) (i32.const 8)))))
    (call $exit (local.get $errno))))`;

/** Writes its environment as it is in memory. */
const PRINTER = `(module ${IMPORTS} (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4))) (drop (call $environ (i32.const 64) (i32.const 256)))
    (i32.store (i32.const 16) (i32.const 256)) (i32.store (i32.const 20) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))))`;

describe('a program', () => {
  const [editor, printer] = [join(FOLDER, 'editor.wasm'), join(FOLDER, 'printer.wasm')];
  beforeAll(async () => {
    writeFileSync(editor, await buildModule(EDITOR));
    writeFileSync(printer, await buildModule(PRINTER));
  });

  async function* nothing(): AsyncIterable<Uint8Array> {}

  async function start(path: string, directories: readonly string[], env: readonly string[] = []) {
    const written = { stdout: '', stderr: '' };
    const writer = (name: 'stdout' | 'stderr') => ({
      write: (chunk: string | Uint8Array) => {
        written[name] += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
      },
    });
    const code = await runFunctionFile({
      path,
      args: [],
      env: env.map(readVariable),
      directories: directories.map((text) => readDirectoryOption(text, FOLDER)),
      allow: [],
      wasi: ['0.2'],
      stdin: nothing(),
      stdout: writer('stdout'),
      stderr: writer('stderr'),
      deadlineMs: 30_000,
    });
    return { code, ...written };
  }

  it('changes a directory that it is given', async () => {
    expect((await start(editor, ['dir::/'])).code).toBe(0);
    expect(readdirSync(DIR).sort()).toEqual(['new', 'out', 'sub']);
    expect(readFileSync(join(DIR, 'new'), 'utf8')).toBe('hello');
  });

  it('changes nothing of a directory that must not change', async () => {
    expect((await start(editor, ['dir::/:ro'])).code).toBe(69);
    expect(readdirSync(DIR).sort()).toEqual(['old', 'out', 'sub']);
  });

  it('sees its directories in the order that they are given in', async () => {
    expect((await start(editor, ['outside::/first', 'dir::/second'])).code).toBe(0);
    expect(readdirSync(OUTSIDE).sort()).toEqual(['new', 'secret']);
    expect(readdirSync(DIR).sort()).toEqual(['old', 'out', 'sub']);
  });

  it('has no directory that it is not given', async () => {
    expect((await start(editor, [])).code).toBe(8);
  });

  it('gets the variables that are given, and no other', async () => {
    expect((await start(printer, [], ['A=1', 'B=x=y'])).stdout).toBe('A=1\0B=x=y\0');
    expect((await start(printer, [])).stdout).toBe('');
  });
});

describe('an option', () => {
  it.each([
    ['5s', 5000],
    ['500ms', 500],
    ['2m', 120_000],
    ['7', 7000],
    ['1ms', 1],
    ['86400', 86_400_000],
    ['1440m', 86_400_000],
  ])('--deadline %s is %i ms', (text, ms) => {
    expect(readDeadline(text)).toBe(ms);
  });

  it.each(['', '0', '0ms', '-1', '1.5', '1.5s', 'soon', '86401', '1441m', '5h', '5 s', ' 5s'])(
    '--deadline "%s" is refused',
    (text) => {
      expect(() => readDeadline(text)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }));
    },
  );

  it.each([
    ['a::/b', { host: '/cwd/a', guest: '/b', writable: true }],
    ['/a::b:ro', { host: '/a', guest: 'b', writable: false }],
    ['.::/', { host: '/cwd', guest: '/', writable: true }],
    ['a::b::c', { host: '/cwd/a', guest: 'b::c', writable: true }],
  ])('--dir %s is read', (text, wanted) => {
    expect(readDirectoryOption(text, '/cwd')).toEqual(wanted);
  });

  it.each(['', 'a', '::b', 'a::', 'a:b', 'a\0::b'])('--dir "%s" is refused', (text) => {
    expect(() => readDirectoryOption(text, '/cwd')).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }),
    );
  });

  it('--env takes a name and anything as its value', () => {
    expect(readVariable('A=')).toEqual(['A', '']);
    expect(readVariable('A=b=c')).toEqual(['A', 'b=c']);
    for (const text of ['', 'A', '=b', 'A=\0'])
      expect(() => readVariable(text)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_USAGE' }));
  });
});
