/** Where paths lead, and that none leads out of the directory that it began in. */
import { describe, expect, it } from 'vitest';
import { makeDirectory, makeLink } from '../../../../src/enclave/sandbox/files/names.ts';
import { LinkNode } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { find } from '../../../../src/enclave/sandbox/files/path.ts';
import { errorOf, makeTree, putFile } from './kit.ts';

/** `a/b/file`, and links to most of it. */
function sample() {
  const root = makeTree();
  makeDirectory(root, 'a');
  makeDirectory(root, 'a/b');
  putFile(root, 'a/b/file', 'x');
  makeLink('a/b', root, 'to-b');
  makeLink('../..', root, 'a/b/up');
  makeLink('../../..', root, 'a/b/out');
  makeLink('nowhere', root, 'dangling');
  makeLink('loop', root, 'loop');
  makeLink('file', root, 'a/b/to-file');
  return root;
}

describe('a path', () => {
  const root = sample();
  const file = find(root, 'a/b/file', false);
  const b = find(root, 'a/b', false);

  it.each([
    ['a/b/file', file],
    ['a//b/./file', file],
    ['a/../a/b/../b/file', file],
    ['to-b/file', file],
    ['a/b/to-file', file],
    ['a/b/up/a/b/file', file],
    ['a/b', b],
    ['a/b/', b],
    ['to-b', b],
    ['to-b/', b],
    ['.', root],
    ['a/..', root],
    ['a/b/up', root],
  ])('%s leads to what it names', (path, node) => {
    expect(find(root, path, true)).toBe(node);
  });

  it.each([
    ['', 'no-entry'],
    ['none', 'no-entry'],
    ['a/none/file', 'no-entry'],
    ['dangling', 'no-entry'],
    ['dangling/x', 'no-entry'],
    ['a/b/file/', 'not-directory'],
    ['a/b/file/.', 'not-directory'],
    ['a/b/file/x', 'not-directory'],
    ['a/b/to-file/', 'not-directory'],
    ['/', 'not-permitted'],
    ['/a', 'not-permitted'],
    ['..', 'not-permitted'],
    ['a/../..', 'not-permitted'],
    ['a/../../a', 'not-permitted'],
    ['a/b/out', 'not-permitted'],
    ['a/b/out/a', 'not-permitted'],
    ['loop', 'loop'],
    ['loop/x', 'loop'],
    ['a\0', 'illegal-byte-sequence'],
    ['n'.repeat(256), 'name-too-long'],
    ['é'.repeat(128), 'name-too-long'],
    ['a/'.repeat(2049), 'name-too-long'],
  ])('%j fails', (path, error) => {
    expect(errorOf(() => find(root, path, true))).toBe(error);
  });

  it('of the longest name and the longest path is looked for', () => {
    expect(errorOf(() => find(root, 'n'.repeat(255), true))).toBe('no-entry');
    expect(find(root, `${'a/../'.repeat(819)}.`, true)).toBe(root);
  });

  it('ends at a link where none is followed, unless a slash says what is meant', () => {
    expect(find(root, 'to-b', false)).toBeInstanceOf(LinkNode);
    expect(find(root, 'loop', false)).toBeInstanceOf(LinkNode);
    expect(find(root, 'to-b/', false)).toBe(b);
  });

  it('cannot leave the directory it begins in, even where more is above', () => {
    const inner = find(root, 'a', false);
    if (inner.kind !== 'directory') throw new TypeError('not a directory');
    expect(find(inner, 'b/file', true)).toBe(file);
    expect(errorOf(() => find(inner, '../a', true))).toBe('not-permitted');
    expect(errorOf(() => find(inner, 'b/up', true))).toBe('not-permitted');
  });

  it('leads over forty links and no more', () => {
    const long = makeTree();
    putFile(long, '0', 'x');
    for (let i = 1; i <= 41; i++) makeLink(String(i - 1), long, String(i));
    expect(find(long, '40', true)).toBe(find(long, '0', true));
    expect(errorOf(() => find(long, '41', true))).toBe('loop');
  });
});
