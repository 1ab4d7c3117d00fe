import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { openGivenFiles } from '../../../src/enclave/sandbox/files/mount.ts';
import { resolve } from '../../../src/enclave/sandbox/files/path.ts';
import { type DataFile, mountData } from '../../../src/enclave/vault/data-mounts.ts';

const file = (owner: string, path: string, bytes = encodeUtf8(path)): DataFile => ({ owner, path, bytes });
const OWN = [
  {
    path: '/',
    writable: false,
    items: [
      { kind: 'directory' as const, path: 'lib' },
      { kind: 'file' as const, path: 'lib/x.py', bytes: encodeUtf8('x') },
    ],
  },
];

/** Lists the files of all trees as one guest would see them, after the sandbox itself has built them. */
function filesOf(made: ReturnType<typeof mountData>): Record<string, string> {
  if ('clash' in made) throw new Error(made.clash);
  const roots = openGivenFiles(made.mounts, 0)(() => 0n);
  const found: Record<string, string> = {};
  for (const [i, { path, items }] of made.mounts.entries())
    for (const item of items) {
      const { node } = resolve(roots[i]?.root ?? (undefined as never), item.path, true);
      if (node?.kind === 'file') found[`${path === '/' ? '' : path}/${item.path}`] = item.kind;
    }
  return found;
}

describe('data of owners', () => {
  it('lie at their paths, of several owners beside each other and beside the files of the function', () => {
    const made = mountData(OWN, [
      file('a', '/data/patients.csv'),
      file('b', '/data/more/deep/rows.csv'),
      file('b', '/data/more/rows.csv'),
      file('a', '/models/m.bin'),
      file('a', '/top.csv'),
    ]);
    expect(Object.keys(filesOf(made)).sort()).toEqual([
      '/data/more/deep/rows.csv',
      '/data/more/rows.csv',
      '/data/patients.csv',
      '/lib/x.py',
      '/models/m.bin',
      '/top.csv',
    ]);
    expect('mounts' in made && made.mounts.every(({ writable }) => !writable)).toBe(true);
  });

  it('change nothing of the trees they are put beside', () => {
    mountData(OWN, [file('a', '/top.csv')]);
    expect(OWN[0]?.items).toHaveLength(2);
  });

  it.each([
    ['two owners want one path', [file('a', '/data/x'), file('b', '/data/x')]],
    ['one is in the way of another', [file('a', '/data/x'), file('b', '/data/x/y')]],
    ['one needs a folder where another lies', [file('a', '/data/x/y'), file('b', '/data/x')]],
    ['one would hide a file of the function', [file('a', '/lib/x.py')]],
    ['one would hide a folder of the function that holds files', [file('a', '/lib')]],
    ['one is in the scratch', [file('a', ['', 'tmp', 'x'].join('/'))]],
    ['one is the scratch', [file('a', '/tmp')]],
    ['they are too large together', [file('a', '/x', new Uint8Array(LIMITS.treeBytes)), file('b', '/y')]],
  ])('are not mounted when %s', (_, files) => {
    expect(mountData(OWN, files)).toEqual({ clash: expect.any(String) as string });
  });
});
