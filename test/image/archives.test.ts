/** The archives that a tree is written as, read back by others: the machine's `tar`, and a reader of cpio that shares no code with the writer. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { encodeCpio } from '../../src/image/cpio.ts';
import { encodeTar } from '../../src/image/tar.ts';
import { makeTree, type Tree, treeDevice, treeDirectory, treeFile, treeLink } from '../../src/image/tree.ts';
import { readCpio } from './read-cpio.ts';

const LONG = `${'deep/'.repeat(30)}${'n'.repeat(80)}`;

const tree: Tree = makeTree([
  treeFile('init', encodeUtf8('#!\n'), 0o755),
  treeFile('empty', new Uint8Array()),
  treeFile('etc/block', new Uint8Array(512).fill(65)),
  treeFile('etc/odd', new Uint8Array(513).fill(66), 0o600),
  treeFile(LONG, encodeUtf8('far down')),
  treeLink('bin', 'usr/bin'),
  treeDirectory('tmp', 0o700),
  treeDevice('dev/console', 0o600, 5, 1),
]);

describe('cpio', () => {
  it('holds every entry as it is in the tree, in order', () => {
    const read = readCpio(encodeCpio(tree));
    expect(read.map(({ path }) => path)).toEqual(tree.map(({ path }) => path));
    const byPath = new Map(read.map((entry) => [entry.path, entry]));
    expect(byPath.get('init')).toMatchObject({ mode: 0o100755, content: '#!\n' });
    expect(byPath.get('etc/odd')).toMatchObject({ mode: 0o100600, content: 'B'.repeat(513) });
    expect(byPath.get('bin')).toMatchObject({ mode: 0o120777, content: 'usr/bin' });
    expect(byPath.get('tmp')).toMatchObject({ mode: 0o040700, content: '' });
    expect(byPath.get('dev/console')).toMatchObject({ mode: 0o020600, device: [5, 1] });
  });

  it('has no time, no owner but root, inodes from 1, and a length that another archive can follow', () => {
    const archive = encodeCpio(tree);
    const read = readCpio(archive);
    expect(archive.length % 4).toBe(0);
    expect(read.map(({ inode }) => inode)).toEqual(read.map((_, i) => i + 1));
    expect(new Set(read.map(({ owner, group, time, links }) => `${owner} ${group} ${time} ${links}`))).toEqual(
      new Set(['0 0 0 1']),
    );
  });
});

describe('tar', () => {
  const listing = (...args: readonly string[]): string[] =>
    execFileSync('tar', [...args, '--numeric-owner', '-f', '-'], {
      input: encodeTar(tree),
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
      .trimEnd()
      .split('\n');

  it('is listed by tar with every entry, in order', () => {
    expect(listing('-t')).toEqual(tree.map(({ path, kind }) => (kind === 'directory' ? `${path}/` : path)));
  });

  it('says of each what the tree says, and that it is of root and of no time', () => {
    const lines = listing('-tv');
    expect(lines).toContain('-rwxr-xr-x 0/0               3 1970-01-01 00:00 init');
    expect(lines).toContain('-rw------- 0/0             513 1970-01-01 00:00 etc/odd');
    expect(lines).toContain('lrwxrwxrwx 0/0               0 1970-01-01 00:00 bin -> usr/bin');
    expect(lines).toContain('drwx------ 0/0               0 1970-01-01 00:00 tmp/');
    expect(lines).toContain('crw------- 0/0             5,1 1970-01-01 00:00 dev/console');
    expect(lines).toContain(`-rw-r--r-- 0/0               8 1970-01-01 00:00 ${LONG}`);
    expect(lines.filter((line) => !/ 0\/0 .* 1970-01-01 00:00 /.test(line))).toEqual([]);
  });

  it('gives contents back', () => {
    expect(listing('-xO', 'etc/odd', LONG)).toEqual([`far down${'B'.repeat(513)}`]);
  });

  it('refuses a path that its fields cannot hold', () => {
    const name = makeTree([treeFile('n'.repeat(101), new Uint8Array())]);
    expect(() => encodeTar(name)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_IMAGE' }));
    const target = makeTree([treeLink('a', 't'.repeat(101))]);
    expect(() => encodeTar(target)).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_IMAGE' }));
  });
});
