/** Contents, caps, times and listings: what a guest writes is what it reads, and it never holds more than its tree may. */
import { describe, expect, it } from 'vitest';
import { listDirectory } from '../../../../src/enclave/sandbox/files/list.ts';
import {
  addName,
  makeDirectory,
  makeLink,
  removeDirectory,
  removeFile,
  rename,
} from '../../../../src/enclave/sandbox/files/names.ts';
import { DirectoryNode, FileNode, makeRoot } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { find } from '../../../../src/enclave/sandbox/files/path.ts';
import { setTimes, statOf } from '../../../../src/enclave/sandbox/files/stat.ts';
import { Volume } from '../../../../src/enclave/sandbox/files/volume.ts';
import { countingClock, errorOf, makeTree, openFile, putFile, readFile } from './kit.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const DONE = { gave: undefined };

describe('opening', () => {
  it.each([
    ['f', {}, true],
    ['l', {}, true],
    ['f', { write: true }, true],
    ['f', { create: true }, true],
    ['new', { create: true }, true],
    ['new', { create: true, exclusive: true }, true],
    ['dangling', { create: true }, true],
    ['f', { exclusive: true }, true],
    ['new', {}, 'no-entry'],
    ['new/', { create: true }, 'is-directory'],
    ['none/new', { create: true }, 'no-entry'],
    ['l', { follow: false }, 'loop'],
    ['l', { follow: false, directory: true }, 'loop'],
    ['f', { directory: true }, 'not-directory'],
    ['f/', {}, 'not-directory'],
    ['f', { create: true, exclusive: true }, 'exist'],
    ['dangling', { create: true, exclusive: true }, 'exist'],
    ['d', { write: true }, 'is-directory'],
    ['d', { truncate: true }, 'is-directory'],
    ['d', { create: true }, 'is-directory'],
    ['.', { write: true }, 'is-directory'],
    ['d', { create: true, directory: true }, 'invalid'],
  ])('%s with %j', (path, how, outcome) => {
    const root = makeTree();
    putFile(root, 'f', 'content');
    makeDirectory(root, 'd');
    makeLink('f', root, 'l');
    makeLink('d/made', root, 'dangling');
    const got = errorOf(() => openFile(root, path, how));
    if (outcome === true) expect(got).toMatchObject({ gave: expect.any(FileNode) });
    else expect(got).toBe(outcome);
  });

  it('cuts what is there only when it is asked to', () => {
    const root = makeTree();
    putFile(root, 'f', 'content');
    openFile(root, 'f', { create: true, write: true });
    expect(readFile(root, 'f')).toBe('content');
    openFile(root, 'f', { truncate: true });
    expect(readFile(root, 'f')).toBe('');
  });
});

describe('a file', () => {
  it('takes writes anywhere, and shows zeros between', () => {
    const root = makeTree();
    putFile(root, 'f', 'abc');
    const file = openFile(root, 'f', { write: true });
    file.write(1, bytes('X'));
    file.write(6, bytes('Y'));
    expect(readFile(root, 'f')).toBe('aXc\0\0\0Y');
    expect(file.view(100, 1)).toHaveLength(0);
    expect(file.view(2 ** 52, 2 ** 52)).toHaveLength(0);
  });

  it('shows zeros where it was cut and grew again', () => {
    const root = makeTree();
    putFile(root, 'f', 'secret');
    const file = openFile(root, 'f', { write: true });
    file.setSize(1);
    file.setSize(6);
    expect(readFile(root, 'f')).toBe('s\0\0\0\0\0');
  });

  it('does not change by a write that it has no room for', () => {
    const root = makeTree({ bytes: 8 });
    putFile(root, 'f', '1234567');
    const file = openFile(root, 'f', { write: true });
    expect(errorOf(() => file.write(6, bytes('abc')))).toBe('file-too-large');
    expect(readFile(root, 'f')).toBe('1234567');
  });
});

describe('the caps', () => {
  it('count what a file shows, so that a hole costs as much as what fills it', () => {
    const root = makeTree({ bytes: 1001 });
    putFile(root, 'f', '');
    const file = openFile(root, 'f', { write: true });
    expect(errorOf(() => file.write(1001, bytes('x')))).toBe('file-too-large');
    expect(errorOf(() => file.setSize(2 ** 40))).toBe('file-too-large');
    expect(errorOf(() => file.setSize(1001))).toBe('insufficient-space');
    expect(errorOf(() => file.setSize(1000))).toEqual(DONE);
    expect(root.volume.bytesLeft).toBe(0);
  });

  it('hold for what the host keeps of a file that was cut, too', () => {
    const { volume } = makeTree();
    const file = new FileNode(volume, new Uint8Array(0));
    file.setSize(100_000);
    file.setSize(60_000);
    expect(file.view(0, 1).buffer.byteLength).toBeLessThanOrEqual(120_000);
    file.setSize(10);
    expect(file.view(0, 1).buffer.byteLength).toBeLessThanOrEqual(20);
  });

  it('count all files of a tree together, with names and targets', () => {
    const root = makeTree({ bytes: 10 });
    putFile(root, 'a', '123');
    makeLink('xyz', root, 'b');
    expect(root.volume.bytesLeft).toBe(2);
    expect(errorOf(() => makeDirectory(root, 'ccc'))).toBe('insufficient-space');
    expect(errorOf(() => makeLink('x', root, 'cc'))).toBe('insufficient-space');
    expect(root.volume.bytesLeft).toBe(2);
    makeDirectory(root, 'cc');
    expect(root.volume.bytesLeft).toBe(0);
  });

  it('count names, the second of a node too', () => {
    const root = makeTree({ entries: 3 });
    putFile(root, 'a', '');
    makeDirectory(root, 'b');
    addName(root, 'a', false, root, 'c');
    expect(errorOf(() => addName(root, 'a', false, root, 'd'))).toBe('insufficient-space');
    expect(errorOf(() => putFile(root, 'd', ''))).toBe('insufficient-space');
    removeFile(root, 'c');
    putFile(root, 'd', '');
    expect(root.volume.entriesLeft).toBe(0);
  });

  it('give back what nobody has any more, and not before', () => {
    const root = makeTree({ bytes: 100 });
    putFile(root, 'f', 'x'.repeat(50));
    addName(root, 'f', false, root, 'g');
    const file = openFile(root, 'f', { write: true });
    removeFile(root, 'f');
    removeFile(root, 'g');
    expect(root.volume.bytesLeft).toBe(50);
    expect(errorOf(() => putFile(root, 'h', 'x'.repeat(50)))).toBe('insufficient-space');
    file.close();
    expect(root.volume.bytesLeft).toBe(99);
    removeFile(root, 'h');
    expect(root.volume.bytesLeft).toBe(100);
  });

  it('give back what a rename replaced, and the target of a link', () => {
    const root = makeTree({ bytes: 100 });
    putFile(root, 'f', '1');
    putFile(root, 'g', '1234567');
    rename(root, 'f', root, 'g');
    makeLink('abc', root, 'l');
    removeFile(root, 'l');
    expect(root.volume.bytesLeft).toBe(98);
    expect(root.volume.entriesLeft).toBe(999);
  });
});

describe('a tree that may not change', () => {
  it.each([
    ['a file that is made', () => putFile(sealed(), 'new', '')],
    ['a file that is cut', () => openFile(sealed(), 'f', { truncate: true })],
    ['a file that is opened to be written', () => openFile(sealed(), 'f', { write: true })],
    ['a write', () => openFile(sealed(), 'f').write(0, bytes('x'))],
    ['a size', () => openFile(sealed(), 'f').setSize(1)],
    ['times', () => setTimes(find(sealed(), 'f', false), 'now', 'now')],
    ['a directory', () => makeDirectory(sealed(), 'new')],
    ['a link', () => makeLink('f', sealed(), 'new')],
    ['a name', () => again((root) => addName(root, 'f', false, root, 'new'))],
    ['a rename', () => again((root) => rename(root, 'f', root, 'new'))],
    ['a file that is removed', () => removeFile(sealed(), 'f')],
    ['a directory that is removed', () => removeDirectory(sealed(), 'd')],
  ])('refuses %s', (_, run) => {
    expect(errorOf(run)).toBe('read-only');
  });

  it('is read like any other', () => {
    expect(readFile(sealed(), 'f')).toBe('sealed');
  });

  function sealed() {
    const root = makeRoot(
      new Volume({ device: 1n, writable: false, limits: { bytes: 100, entries: 10 }, now: countingClock() }),
    );
    root.attach('f', new FileNode(root.volume, bytes('sealed')));
    root.attach('d', new DirectoryNode(root.volume));
    return root;
  }
  const again = (run: (root: ReturnType<typeof sealed>) => void): void => run(sealed());
});

describe('times', () => {
  it('tell what was changed, of a file and of the directory that names it', () => {
    const root = makeTree();
    putFile(root, 'f', '1');
    const file = find(root, 'f', false);
    const [made, above] = [statOf(file).times, statOf(root).times];
    openFile(root, 'f', { write: true }).write(0, bytes('2'));
    expect(statOf(file).times.modified).toBeGreaterThan(made.modified);
    expect(statOf(file).times.accessed).toBe(made.accessed);
    expect(statOf(root).times).toEqual(above);
    addName(root, 'f', false, root, 'g');
    expect(statOf(root).times.modified).toBeGreaterThan(above.modified);
    expect(statOf(file).times.changed).toBeGreaterThan(statOf(file).times.modified);
  });

  it('are set, kept, or the present', () => {
    const root = makeTree();
    putFile(root, 'f', '');
    const file = find(root, 'f', false);
    setTimes(file, 7n, 'keep');
    expect(statOf(file).times.accessed).toBe(7n);
    const { modified } = statOf(file).times;
    setTimes(file, 'keep', 2n ** 64n - 1n);
    expect(statOf(file).times).toMatchObject({ accessed: 7n, modified: 2n ** 64n - 1n });
    expect(errorOf(() => setTimes(file, 2n ** 64n, 'keep'))).toBe('invalid');
    setTimes(file, 'now', 'now');
    expect(statOf(file).times.modified).toBeGreaterThan(modified);
    expect(statOf(file).times.accessed).toBe(statOf(file).times.modified);
  });
});

describe('nodes', () => {
  it('of one tree have numbers of their own, and keep them', () => {
    const root = makeTree();
    putFile(root, 'a', '');
    putFile(root, 'b', '');
    const serial = statOf(find(root, 'a', false)).serial;
    expect(statOf(find(root, 'b', false)).serial).not.toBe(serial);
    rename(root, 'a', root, 'c');
    expect(statOf(find(root, 'c', false)).serial).toBe(serial);
    removeFile(root, 'c');
    putFile(root, 'c', '');
    expect(statOf(find(root, 'c', false)).serial).not.toBe(serial);
  });

  it('show sizes and kinds', () => {
    const root = makeTree();
    putFile(root, 'f', '12345');
    makeLink('f', root, 'l');
    expect(statOf(find(root, 'f', false))).toMatchObject({ kind: 'file', size: 5, links: 1, device: 1n });
    expect(statOf(find(root, 'l', false))).toMatchObject({ kind: 'link', size: 1, links: 1 });
    expect(statOf(root)).toMatchObject({ kind: 'directory', size: 0, links: 1 });
  });
});

describe('a listing', () => {
  const names = (root: ReturnType<typeof makeTree>, after = 0n): string[] =>
    [...listDirectory(root, after)].map((e) => e.name);

  it('begins with the dots and goes on in the order of making', () => {
    const root = makeTree();
    for (const name of ['z', 'a', 'm']) putFile(root, name, '');
    expect(names(root)).toEqual(['.', '..', 'z', 'a', 'm']);
    const [dot, dots] = [...listDirectory(root, 0n)];
    expect([dot?.node, dots?.node]).toEqual([root, root]);
  });

  it('goes on after any cookie, whatever was removed or added since', () => {
    const root = makeTree();
    for (const name of ['a', 'b', 'c']) putFile(root, name, '');
    const after = [...listDirectory(root, 0n)].find((e) => e.name === 'a')?.cookie ?? 0n;
    removeFile(root, 'a');
    removeFile(root, 'b');
    putFile(root, 'd', '');
    expect(names(root, after)).toEqual(['c', 'd']);
    expect(names(root, 2n)).toEqual(['c', 'd']);
    expect(names(root, 1n)).toEqual(['..', 'c', 'd']);
    expect(names(root, 2n ** 64n - 1n)).toEqual([]);
  });
});
