import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { makeTree, type TreeEntry, treeDevice, treeDirectory, treeFile, treeLink } from '../../src/image/tree.ts';

const file = (path: string): TreeEntry => treeFile(path, encodeUtf8(path));

function refusal(...entries: readonly TreeEntry[]): unknown {
  try {
    return makeTree(entries).length;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

describe('a tree', () => {
  it('is sorted by path, whatever the order it is made in', () => {
    const entries = [file('init'), treeLink('bin', 'usr/bin'), file('etc/passwd'), treeDevice('dev/null', 0o666, 1, 3)];
    const paths = ['bin', 'dev', 'dev/null', 'etc', 'etc/passwd', 'init'];
    expect(makeTree(entries).map(({ path }) => path)).toEqual(paths);
    expect(makeTree(entries.toReversed())).toEqual(makeTree(entries));
  });

  it('has each directory before what lies in it, though other names sort between', () => {
    const paths = makeTree([file('a/b'), file('a-c'), file('a.d')]).map(({ path }) => path);
    expect(paths).toEqual(['a', 'a-c', 'a.d', 'a/b']);
  });

  it('keeps a directory that is named as it is, and adds those that are not', () => {
    const modes = makeTree([file('a/b/c'), treeDirectory('a', 0o700)]).map(({ path, mode }) => [path, mode]);
    expect(modes).toEqual([
      ['a', 0o700],
      ['a/b', 0o755],
      ['a/b/c', 0o644],
    ]);
  });

  it.each(['', '/etc', 'etc/', 'a//b', '.', './a', 'a/..', '../a', 'a b', 'ä', 'a\nb', 'a\0', 'x'.repeat(241)])(
    'refuses the path %j',
    (path) => {
      expect(refusal(treeFile(path, new Uint8Array()))).toBe('ERR_CONFIGURATION_IMAGE');
    },
  );

  it('takes the longest path', () => {
    expect(refusal(file('x'.repeat(LIMITS.imagePathBytes)))).toBe(1);
  });

  it('refuses what is there twice, lies below a file or a link, or has a set-user-id bit', () => {
    expect(refusal(file('a'), file('b'))).toBe(2);
    expect(refusal(file('a'), file('a'))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(refusal(file('a'), file('a/b'))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(refusal(treeLink('a', 'etc'), file('a/b'))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(refusal(treeFile('su', new Uint8Array(), 0o755))).toBe(1);
    expect(refusal(treeFile('su', new Uint8Array(), 0o4755))).toBe('ERR_CONFIGURATION_IMAGE');
  });

  it('refuses more bytes and more entries than an image may have', () => {
    const half = new Uint8Array(LIMITS.imageBytes / 2);
    expect(refusal(treeFile('a', half), treeFile('b', half))).toBe(2);
    expect(refusal(treeFile('a', half), treeFile('b', half), treeFile('c', half.subarray(0, 1)))).toBe(
      'ERR_CONFIGURATION_IMAGE',
    );
    const many = Array.from({ length: LIMITS.imageEntries }, (_, i) => treeDirectory(`d${i}`));
    expect(refusal(...many)).toBe(LIMITS.imageEntries);
    expect(refusal(...many, treeDirectory('one'))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});
