/** Making, moving and removing names: each error once, beside what differs in one thing and succeeds. */
import { describe, expect, it } from 'vitest';
import {
  addName,
  makeDirectory,
  makeLink,
  removeDirectory,
  removeFile,
  rename,
} from '../../../../src/enclave/sandbox/files/names.ts';
import type { DirectoryNode } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { find } from '../../../../src/enclave/sandbox/files/path.ts';
import { statOf } from '../../../../src/enclave/sandbox/files/stat.ts';
import { errorOf, makeTree, openFile, putFile, readFile } from './kit.ts';

/** `d` (empty), `full/x`, `f`, and a link `l` to `f`. */
function sample(limits = {}): DirectoryNode {
  const root = makeTree(limits);
  makeDirectory(root, 'd');
  makeDirectory(root, 'full');
  putFile(root, 'full/x', 'inner');
  putFile(root, 'f', 'outer');
  makeLink('f', root, 'l');
  return root;
}

const DONE = { gave: undefined };

describe('making', () => {
  it.each([
    ['new', DONE],
    ['new/', DONE],
    ['d/new', DONE],
    ['d', 'exist'],
    ['f', 'exist'],
    ['l', 'exist'],
    ['.', 'exist'],
    ['..', 'not-permitted'],
    ['none/new', 'no-entry'],
    ['f/new', 'not-directory'],
  ])('a directory %s', (path, outcome) => {
    expect(errorOf(() => makeDirectory(sample(), path))).toEqual(outcome);
  });

  it.each([
    ['f', 'new', DONE],
    ['nowhere', 'new', DONE],
    ['../up', 'd/new', DONE],
    ['/absolute', 'new', 'not-permitted'],
    ['', 'new', 'no-entry'],
    ['f', 'new/', 'no-entry'],
    ['f', 'd', 'exist'],
    ['f', 'd/', 'exist'],
    ['f', 'f/', 'not-directory'],
  ])('a link to %j at %s', (target, path, outcome) => {
    expect(errorOf(() => makeLink(target, sample(), path))).toEqual(outcome);
  });

  it.each([
    ['f', 'new', DONE],
    ['l', 'new', DONE],
    ['f', 'f', 'exist'],
    ['f', 'd', 'exist'],
    ['f', 'new/', 'no-entry'],
    ['f', '', 'no-entry'],
    ['none', 'new', 'no-entry'],
    ['d', 'new', 'not-permitted'],
    ['.', 'new', 'not-permitted'],
    ['f', '..', 'not-permitted'],
  ])('one more name: %s as %s', (from, to, outcome) => {
    const root = sample();
    expect(errorOf(() => addName(root, from, false, root, to))).toEqual(outcome);
  });

  it('one more name makes the same node, which lives as long as one of its names', () => {
    const root = sample();
    addName(root, 'f', false, root, 'd/g');
    expect(find(root, 'd/g', false)).toBe(find(root, 'f', false));
    expect(statOf(find(root, 'f', false)).links).toBe(2);
    removeFile(root, 'f');
    expect(readFile(root, 'd/g')).toBe('outer');
    expect(statOf(find(root, 'd/g', false)).links).toBe(1);
  });

  it('one more name of a link names the link, or where it leads', () => {
    const root = sample();
    addName(root, 'l', false, root, 'same-link');
    addName(root, 'l', true, root, 'same-file');
    expect(find(root, 'same-link', false)).toBe(find(root, 'l', false));
    expect(find(root, 'same-file', false)).toBe(find(root, 'f', false));
  });
});

describe('removing', () => {
  it.each([
    ['f', DONE],
    ['l', DONE],
    ['none', 'no-entry'],
    ['f/', 'not-directory'],
    ['d', 'is-directory'],
    ['d/', 'is-directory'],
    ['.', 'is-directory'],
    ['..', 'not-permitted'],
  ])('a file %s', (path, outcome) => {
    expect(errorOf(() => removeFile(sample(), path))).toEqual(outcome);
  });

  it.each([
    ['d', DONE],
    ['d/', DONE],
    ['full', 'not-empty'],
    ['f', 'not-directory'],
    ['f/', 'not-directory'],
    ['l', 'not-directory'],
    ['none', 'no-entry'],
    ['.', 'invalid'],
    ['d/.', 'invalid'],
  ])('a directory %s', (path, outcome) => {
    expect(errorOf(() => removeDirectory(sample(), path))).toEqual(outcome);
  });

  it('of a link leaves what it leads to', () => {
    const root = sample();
    removeFile(root, 'l');
    expect(readFile(root, 'f')).toBe('outer');
  });

  it('of an open file leaves it to its descriptor', () => {
    const root = sample();
    const file = openFile(root, 'f');
    removeFile(root, 'f');
    expect(statOf(file).links).toBe(0);
    expect(new TextDecoder().decode(file.view(0, 100))).toBe('outer');
    file.close();
    expect(file.size).toBe(0);
  });

  it('of an open directory leaves nothing that could be made in it', () => {
    const root = sample();
    const removed = find(root, 'd', false);
    if (removed.kind !== 'directory') throw new TypeError('not a directory');
    removeDirectory(root, 'd');
    expect(errorOf(() => makeDirectory(removed, 'new'))).toBe('no-entry');
    expect(errorOf(() => putFile(removed, 'new', ''))).toBe('no-entry');
    expect(errorOf(() => rename(root, 'f', removed, 'f'))).toBe('no-entry');
    expect(readFile(root, 'f')).toBe('outer');
  });
});

describe('renaming', () => {
  it.each([
    ['f', 'new', DONE],
    ['f', 'd/new', DONE],
    ['f', 'l', DONE],
    ['f', 'f', DONE],
    ['l', 'new', DONE],
    ['d', 'new', DONE],
    ['d/', 'new/', DONE],
    ['full', 'd', DONE],
    ['full', 'd/new', DONE],
    ['f', 'new/', 'not-directory'],
    ['f/', 'new', 'not-directory'],
    ['f', 'd', 'is-directory'],
    ['d', 'f', 'not-directory'],
    ['d', 'l', 'not-directory'],
    ['d', 'full', 'not-empty'],
    ['d', 'd/new', 'invalid'],
    ['full', 'full/y', 'invalid'],
    ['.', 'new', 'invalid'],
    ['f', '.', 'invalid'],
    ['none', 'new', 'no-entry'],
    ['f', 'none/new', 'no-entry'],
    ['f', '../new', 'not-permitted'],
    ['full/x', 'full', 'is-directory'],
  ])('%s to %s', (from, to, outcome) => {
    const root = sample();
    expect(errorOf(() => rename(root, from, root, to))).toEqual(outcome);
  });

  it('moves the node and all that is in it', () => {
    const root = sample();
    rename(root, 'full', root, 'd/full');
    expect(readFile(root, 'd/full/x')).toBe('inner');
    expect(errorOf(() => find(root, 'full', false))).toBe('no-entry');
  });

  it('replaces the link, not what it leads to', () => {
    const root = sample();
    rename(root, 'full/x', root, 'l');
    expect(readFile(root, 'l')).toBe('inner');
    expect(readFile(root, 'f')).toBe('outer');
  });

  it('of two names of one node leaves both', () => {
    const root = sample();
    addName(root, 'f', false, root, 'g');
    rename(root, 'f', root, 'g');
    expect([readFile(root, 'f'), readFile(root, 'g')]).toEqual(['outer', 'outer']);
  });

  it('that lacks room for the longer name leaves the old one', () => {
    const root = makeTree({ bytes: 4 });
    putFile(root, 'a', 'xy');
    expect(errorOf(() => rename(root, 'a', root, 'longer'))).toBe('insufficient-space');
    expect(readFile(root, 'a')).toBe('xy');
    rename(root, 'a', root, 'ab');
    expect(readFile(root, 'ab')).toBe('xy');
  });

  it('does not reach into another tree', () => {
    const [root, other] = [sample(), sample()];
    expect(errorOf(() => rename(root, 'f', other, 'new'))).toBe('cross-device');
    expect(errorOf(() => addName(root, 'f', false, other, 'new'))).toBe('cross-device');
    expect(readFile(root, 'f')).toBe('outer');
  });
});
