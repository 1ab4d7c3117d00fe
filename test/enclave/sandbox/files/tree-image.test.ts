/** Trees on their way to a program's process, and what changed in them on the way back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8 } from '../../../../src/base/bytes.ts';
import { buildTree, watchTree } from '../../../../src/enclave/sandbox/files/build-tree.ts';
import { emptyTree, openGivenFiles, openMounts } from '../../../../src/enclave/sandbox/files/mount.ts';
import {
  addName,
  makeDirectory,
  makeLink,
  removeDirectory,
  removeFile,
  rename,
} from '../../../../src/enclave/sandbox/files/names.ts';
import { find } from '../../../../src/enclave/sandbox/files/path.ts';
import {
  encodeTree,
  parseChanges,
  parseTree,
  type TreeChange,
  type TreeItem,
} from '../../../../src/enclave/sandbox/files/tree-image.ts';
import { Volume } from '../../../../src/enclave/sandbox/files/volume.ts';
import { errorOf, openFile, putFile, readFile } from './kit.ts';

const file = (path: string, content: string): TreeItem => ({ kind: 'file', path, bytes: encodeUtf8(content) });
/** Made anew for each tree, because a tree takes the bytes as they are. */
const items = (): readonly TreeItem[] => [
  { kind: 'directory', path: 'a' },
  file('a/f', 'first'),
  { kind: 'link', path: 'a/l', target: '/etc/passwd' },
  file('g', ''),
];
const volume = (bytes = 1000) =>
  new Volume({ device: 1n, writable: true, limits: { bytes, entries: 10 }, now: () => 0n });

/** Makes an image of rows as a hostile process would write them. */
function imageOf(rows: unknown, contents = new Uint8Array(0)): Uint8Array {
  const list = encodeUtf8(JSON.stringify(rows));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, list.length);
  return concatBytes(length, list, contents);
}

describe('an image', () => {
  it('round-trips', () => {
    expect(parseTree(encodeTree(items()))).toEqual(items());
    const changes: readonly TreeChange[] = [{ kind: 'removed', path: 'x' }, ...items()];
    expect(parseChanges(encodeTree(changes))).toEqual(changes);
    expect(parseChanges(encodeTree([]))).toEqual([]);
  });

  it('of a tree has no removals', () => {
    expect(parseTree(encodeTree([{ kind: 'removed', path: 'x' }]))).toBeNull();
  });

  it.each([
    ['a path that goes up', [['file', '../x', 0]]],
    ['a path that goes up later', [['file', 'a/../../x', 0]]],
    ['a path with a dot', [['file', './x', 0]]],
    ['an absolute path', [['file', '/x', 0]]],
    ['a path with an empty name', [['file', 'a//x', 0]]],
    ['a path that ends in a slash', [['directory', 'a/', 0]]],
    ['an empty path', [['removed', '', 0]]],
    ['a path with a zero byte', [['file', 'a\0', 0]]],
    ['a name that is too long', [['file', 'n'.repeat(256), 0]]],
    ['an unknown kind', [['device', 'a', 0]]],
    ['a row too short', [['file', 'a']]],
    ['a row that is none', ['file']],
    ['a directory with more', [['directory', 'a', 1]]],
    ['a link without a target', [['link', 'a', 0]]],
    ['a link to nothing', [['link', 'a', '']]],
    ['a negative size', [['file', 'a', -1]]],
    ['a size that is no whole number', [['file', 'a', 0.5]]],
    ['a size past the end', [['file', 'a', 1]]],
    ['no list', { kind: 'file' }],
  ])('with %s is none', (_, rows) => {
    expect(parseChanges(imageOf(rows))).toBeNull();
  });

  it('with bytes that belong to nothing is none', () => {
    expect(parseChanges(imageOf([['file', 'a', 1]], Uint8Array.of(1)))).not.toBeNull();
    expect(parseChanges(imageOf([['file', 'a', 1]], Uint8Array.of(1, 2)))).toBeNull();
  });

  it('of any bytes is read or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void parseChanges(bytes)));
  });
});

describe('a tree that is built', () => {
  it('holds what was listed', () => {
    const root = buildTree(volume(), items());
    expect(readFile(root, 'a/f')).toBe('first');
    expect(find(root, 'a/l', false)).toMatchObject({ kind: 'link', target: '/etc/passwd' });
    expect(errorOf(() => find(root, 'a/l', true))).toBe('not-permitted');
  });

  it.each([
    ['twice the same name', [file('a', ''), file('a', '')], 'exist'],
    ['what lies in nothing', [file('a/b', '')], 'no-entry'],
    ['what lies in a file', [file('a', ''), file('a/b', '')], 'not-directory'],
    ['more than it may hold', [file('a', 'x'.repeat(1000))], 'insufficient-space'],
  ])('refuses %s', (_, wrong, error) => {
    expect(errorOf(() => buildTree(volume(), wrong))).toBe(error);
  });
});

describe('what changed', () => {
  const watched = () => {
    const root = buildTree(volume(), items());
    return { root, changes: watchTree(root) };
  };

  it('is nothing when nothing did', () => {
    const { root, changes } = watched();
    readFile(root, 'a/f');
    rename(root, 'g', root, 'h');
    rename(root, 'h', root, 'g');
    expect(changes()).toEqual([]);
  });

  it('is a file that was written, cut or made', () => {
    const { root, changes } = watched();
    openFile(root, 'a/f', { write: true }).write(0, encodeUtf8('F'));
    putFile(root, 'new', 'made');
    expect(changes()).toEqual([file('a/f', 'First'), file('new', 'made')]);
  });

  it('is what is gone, from the leaves up, before what is new', () => {
    const { root, changes } = watched();
    removeFile(root, 'a/f');
    removeFile(root, 'a/l');
    removeDirectory(root, 'a');
    putFile(root, 'a', 'now a file');
    expect(changes()).toEqual([
      { kind: 'removed', path: 'a/l' },
      { kind: 'removed', path: 'a/f' },
      { kind: 'removed', path: 'a' },
      file('a', 'now a file'),
    ]);
  });

  it('is a directory before what is in it, links, and a file under a second name', () => {
    const { root, changes } = watched();
    makeDirectory(root, 'd');
    makeLink('../g', root, 'd/l');
    addName(root, 'a/f', false, root, 'd/f');
    expect(changes()).toEqual([
      { kind: 'directory', path: 'd' },
      { kind: 'link', path: 'd/l', target: '../g' },
      file('d/f', 'first'),
    ]);
  });

  it('is a file that took the place of another', () => {
    const { root, changes } = watched();
    rename(root, 'a/f', root, 'g');
    expect(changes()).toEqual([{ kind: 'removed', path: 'a/f' }, file('g', 'first')]);
  });

  it('cannot be said of names that are nested too deeply', () => {
    const root = buildTree(volume(100_000), []);
    const changes = watchTree(root);
    let at = root;
    for (let i = 0; i < 9; i++) {
      makeDirectory(at, 'n'.repeat(250));
      const [next] = at.entries();
      if (next?.node.kind === 'directory') at = next.node;
    }
    expect(changes()).toHaveLength(9);
    const deep = buildTree(
      new Volume({ device: 1n, writable: true, limits: { bytes: 10_000, entries: 100 }, now: () => 0n }),
      [],
    );
    const deepChanges = watchTree(deep);
    let bottom = deep;
    for (let i = 0; i < 20; i++) {
      makeDirectory(bottom, 'n'.repeat(250));
      const [next] = bottom.entries();
      if (next?.node.kind === 'directory') bottom = next.node;
    }
    expect(errorOf(deepChanges)).toBe('name-too-long');
  });
});

describe('the files of a function', () => {
  const clock = () => 5n;
  const image = { path: '/data', writable: false, items: items() };

  it('are the same trees for all instances, and a scratch for each', () => {
    const files = openGivenFiles([image], 100);
    const [first, second] = [files(clock), files(clock)];
    expect(first.map((m) => m.path)).toEqual(['/data', '/tmp']);
    expect(first[0]?.root).toBe(second[0]?.root);
    expect(first[1]?.root).not.toBe(second[1]?.root);
    expect(first.map((m) => m.root.volume.writable)).toEqual([false, true]);
    expect(new Set(first.map((m) => m.root.volume.device)).size).toBe(2);
    expect(first[1]?.root.volume.bytesLeft).toBe(100);
  });

  it('have no scratch where none is granted', () => {
    expect(openGivenFiles([image], 0)(clock).map((m) => m.path)).toEqual(['/data']);
    expect(openGivenFiles([], 0)(clock)).toEqual([]);
  });

  it('must not change', () => {
    expect(() => openGivenFiles([{ ...image, writable: true }], 0)).toThrow(TypeError);
  });

  it('of a program are told apart, and watched where they may change', () => {
    const [readable, writable] = openMounts([image, { ...image, writable: true }], 10n, clock);
    if (readable === undefined || writable === undefined) throw new TypeError('no trees');
    expect([readable.root.volume.device, writable.root.volume.device]).toEqual([10n, 11n]);
    putFile(writable.root, 'new', 'x');
    expect(errorOf(() => putFile(readable.root, 'new', 'x'))).toBe('read-only');
    expect(readable.changes()).toEqual([]);
    expect(writable.changes()).toEqual([file('new', 'x')]);
  });

  it('are gone when a tree is emptied, but for what is open', () => {
    const [scratch] = openGivenFiles([], 1000)(clock);
    if (scratch === undefined) throw new TypeError('no scratch');
    makeDirectory(scratch.root, 'd');
    putFile(scratch.root, 'd/f', '12345');
    const open = openFile(scratch.root, 'd/f', { write: true });
    emptyTree(scratch);
    expect([...scratch.root.entries()]).toEqual([]);
    expect(scratch.root.volume.bytesLeft).toBe(995);
    open.close();
    expect(scratch.root.volume.bytesLeft).toBe(1000);
  });
});
