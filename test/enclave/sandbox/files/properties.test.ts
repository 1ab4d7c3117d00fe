/** Random operations: they agree with a model that knows only whole paths, never lead out of where they began, and never break the caps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileError } from '../../../../src/enclave/sandbox/files/file-error.ts';
import {
  addName,
  makeDirectory,
  makeLink,
  removeDirectory,
  removeFile,
  rename,
} from '../../../../src/enclave/sandbox/files/names.ts';
import type { DirectoryNode, TreeNode } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { find } from '../../../../src/enclave/sandbox/files/path.ts';
import { makeTree, openFile, putFile } from './kit.ts';

/** Does something, and tells whether it was done. */
function succeeds(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (e) {
    if (e instanceof FileError) return false;
    throw e;
  }
}

/** Lists a tree by path: null for a directory, the content of a file, the target of a link. */
function listing(directory: DirectoryNode, prefix = ''): Record<string, string | null> {
  const list: Record<string, string | null> = {};
  for (const { name, node } of directory.entries()) {
    const path = prefix + name;
    if (node.kind === 'file') list[path] = new TextDecoder().decode(node.view(0, node.size));
    else list[path] = node.kind === 'link' ? `-> ${node.target}` : null;
    if (node.kind === 'directory') Object.assign(list, listing(node, `${path}/`));
  }
  return list;
}

/** The same operations on whole paths, for trees without links. */
class Model {
  readonly nodes = new Map<string, string | null>();
  #above(path: string): boolean {
    const slash = path.lastIndexOf('/');
    return slash < 0 || this.nodes.get(path.slice(0, slash)) === null;
  }
  #below(path: string): readonly string[] {
    return [...this.nodes.keys()].filter((p) => p.startsWith(`${path}/`));
  }
  mkdir(path: string): boolean {
    if (!this.#above(path) || this.nodes.has(path)) return false;
    this.nodes.set(path, null);
    return true;
  }
  put(path: string, content: string): boolean {
    if (!this.#above(path) || this.nodes.get(path) === null) return false;
    this.nodes.set(path, content);
    return true;
  }
  unlink(path: string): boolean {
    if (typeof this.nodes.get(path) !== 'string') return false;
    return this.nodes.delete(path);
  }
  rmdir(path: string): boolean {
    if (this.nodes.get(path) !== null || this.#below(path).length > 0) return false;
    return this.nodes.delete(path);
  }
  rename(from: string, to: string): boolean {
    const node = this.nodes.get(from);
    const replaced = this.nodes.get(to);
    if (node === undefined || !this.#above(to)) return false;
    if (from === to) return true;
    if (to.startsWith(`${from}/`) || this.#below(to).length > 0) return false;
    if (replaced !== undefined && (replaced === null) !== (node === null)) return false;
    for (const path of [from, ...this.#below(from)]) {
      this.nodes.set(to + path.slice(from.length), this.nodes.get(path) ?? null);
      this.nodes.delete(path);
    }
    return true;
  }
}

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const operation = fc.oneof(
  fc.record({ do: fc.constant('mkdir' as const), path }),
  fc.record({ do: fc.constant('put' as const), path, content: fc.string({ maxLength: 5 }) }),
  fc.record({ do: fc.constant('unlink' as const), path }),
  fc.record({ do: fc.constant('rmdir' as const), path }),
  fc.record({ do: fc.constant('rename' as const), path, to: path }),
);

describe('a tree', () => {
  it('does what a list of whole paths does', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const [root, model] = [makeTree(), new Model()];
        for (const op of operations) {
          const [done, expected] =
            op.do === 'mkdir'
              ? [succeeds(() => makeDirectory(root, op.path)), model.mkdir(op.path)]
              : op.do === 'put'
                ? [succeeds(() => putFile(root, op.path, op.content)), model.put(op.path, op.content)]
                : op.do === 'unlink'
                  ? [succeeds(() => removeFile(root, op.path)), model.unlink(op.path)]
                  : op.do === 'rmdir'
                    ? [succeeds(() => removeDirectory(root, op.path)), model.rmdir(op.path)]
                    : [succeeds(() => rename(root, op.path, root, op.to)), model.rename(op.path, op.to)];
          expect([op, done]).toEqual([op, expected]);
          expect(listing(root)).toEqual(Object.fromEntries(model.nodes));
        }
      }),
      { numRuns: 300 },
    );
  });
});

const part = fc.constantFrom('a', 'b', 'up', '..', '.', '', 'outside', 'inner');
const anyPath = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const wild = fc.record({
  do: fc.constantFrom('mkdir', 'put', 'unlink', 'rmdir', 'rename', 'link', 'symlink', 'size', 'read'),
  path: anyPath,
  to: anyPath,
  size: fc.constantFrom(0, 1, 100, 5000, 2 ** 40),
});

/** Every node below a directory. */
function nodesBelow(directory: DirectoryNode, seen: Set<TreeNode> = new Set()): Set<TreeNode> {
  seen.add(directory);
  for (const { node } of directory.entries()) {
    seen.add(node);
    if (node.kind === 'directory') nodesBelow(node, seen);
  }
  return seen;
}

/** What a tree holds, counted anew. */
function held(directory: DirectoryNode): { readonly bytes: number; readonly entries: number } {
  let bytes = 0;
  let entries = 0;
  const counted = new Set<TreeNode>();
  for (const node of nodesBelow(directory)) {
    if (node.kind !== 'directory') continue;
    for (const { name: entry, node: child } of node.entries()) {
      entries += 1;
      bytes += new TextEncoder().encode(entry).length;
      if (counted.has(child)) continue;
      counted.add(child);
      if (child.kind !== 'directory') bytes += child.kind === 'file' ? child.size : child.targetBytes;
    }
  }
  return { bytes, entries };
}

describe('a directory', () => {
  it('is never left, and holds what was taken of its tree, and no more than that may be', () => {
    fc.assert(
      fc.property(fc.array(wild, { maxLength: 60 }), (operations) => {
        const root = makeTree({ bytes: 6000, entries: 30 });
        makeDirectory(root, 'inner');
        putFile(root, 'outside', 'secret');
        const inner = find(root, 'inner', false);
        if (inner.kind !== 'directory') throw new TypeError('not a directory');
        for (const op of operations) {
          succeeds(() => {
            if (op.do === 'mkdir') makeDirectory(inner, op.path);
            else if (op.do === 'put') putFile(inner, op.path, 'content');
            else if (op.do === 'unlink') removeFile(inner, op.path);
            else if (op.do === 'rmdir') removeDirectory(inner, op.path);
            else if (op.do === 'rename') rename(inner, op.path, inner, op.to);
            else if (op.do === 'link') addName(inner, op.path, true, inner, op.to);
            else if (op.do === 'symlink') makeLink(op.path, inner, op.to);
            else if (op.do === 'read') expect(nodesBelow(inner)).toContain(find(inner, op.path, true));
            else {
              const file = openFile(inner, op.path, { write: true });
              try {
                file.setSize(op.size);
              } finally {
                file.close();
              }
            }
          });
          const { bytes, entries } = held(root);
          expect({ bytes, entries }).toEqual({
            bytes: 6000 - root.volume.bytesLeft,
            entries: 30 - root.volume.entriesLeft,
          });
          expect(root.volume.bytesLeft).toBeGreaterThanOrEqual(0);
          expect([...root.entries()].map((e) => e.name)).toEqual(['inner', 'outside']);
        }
        expect(listing(root)['outside']).toBe('secret');
      }),
      { numRuns: 300 },
    );
  });
});
