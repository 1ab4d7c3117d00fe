/**
 * Trees of files from another process: what is read has plain paths and its own bytes only, builds a tree that never leads out of itself or
 * none, and is written back into its directory and nowhere else.
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { concatBytes, encodeUtf8, equalBytes, parseUtf8 } from '../src/base/bytes.ts';
import { LIMITS } from '../src/base/limits.ts';
import { writeBack } from '../src/cli/write-back.ts';
import { buildTree, watchTree } from '../src/enclave/sandbox/files/build-tree.ts';
import { FileError } from '../src/enclave/sandbox/files/file-error.ts';
import { find } from '../src/enclave/sandbox/files/path.ts';
import {
  encodeTree,
  parseChanges,
  parseTree,
  type TreeChange,
  type TreeItem,
} from '../src/enclave/sandbox/files/tree-image.ts';
import { Volume } from '../src/enclave/sandbox/files/volume.ts';
import { changeBytes, changeJson, type Mutator } from './mutate.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';
import { demand, nameOf, type Target } from './target.ts';

const NAMES = ['a', 'b', 'up', '..', '.', '', 'out', 'é', 'x'.repeat(256), '\0', '/', 'a\\b', 'C:'];
const TARGETS = ['a', '..', '../out', '../../out', '/etc', 'up/..', 'up/../out', './b/', '', 'a/b', 'x'.repeat(5000)];

/** Makes any path: mostly of plain names. */
function makePath(random: Random): string {
  const parts = Array.from({ length: 1 + random.below(4) }, () =>
    random.pick(random.chance(0.9) ? NAMES.slice(0, 3) : NAMES),
  );
  return parts.join('/');
}

function makeChange(random: Random): TreeChange {
  const path = makePath(random);
  const kind = random.pick(['directory', 'directory', 'file', 'link', 'removed'] as const);
  if (kind === 'file') return { kind, path, bytes: random.bytes(random.below(9)) };
  return kind === 'link' ? { kind, path, target: random.pick(TARGETS) } : { kind, path };
}

/** Changes one row of the list, puts its length right, and keeps the contents. */
const changeRow: Mutator = (input, random, others) => {
  if (input.length < 4) return changeBytes(input, random, others);
  const length = new DataView(input.buffer, input.byteOffset).getUint32(0);
  const rows = input.subarray(4, 4 + length);
  const changed = changeJson(rows, random, [rows]);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, changed.length);
  return concatBytes(head, changed, input.subarray(4 + length));
};

/** Gives another path or target to a row. */
const changeName: Mutator = (input, random, others) => {
  const changes = [...(parseChanges(input) ?? [])];
  if (changes.length === 0) return changeBytes(input, random, others);
  const at = random.below(changes.length);
  const old = changes[at] ?? makeChange(random);
  const kind = random.below(4);
  if (kind === 0) changes.splice(at, 1);
  else if (kind === 1) changes.splice(at, 0, makeChange(random));
  else if (old.kind === 'link') changes[at] = { ...old, target: random.pick(TARGETS) };
  else changes[at] = { ...old, path: makePath(random) };
  return encodeTree(changes);
};

/** Demands of a path what a reader of it relies on. */
function checkPath(path: string): void {
  const names = path.split('/');
  const isPlain = names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'));
  demand(isPlain, 'a path is one or more plain names');
  demand(encodeUtf8(path).length <= LIMITS.filePathBytes, 'a path is no longer than its cap');
  demand(resolve('/tree', path).startsWith('/tree/'), 'a path leads below its root');
}

/** Builds a tree and looks every name up again; gives what came of it. */
function build(items: readonly TreeItem[]): string {
  const limits = { bytes: 4096, entries: 64 };
  try {
    const root = buildTree(new Volume({ device: 1n, writable: true, limits, now: () => 0n }), items);
    const unchanged = watchTree(root)();
    demand(unchanged.length === 0, 'a tree that was just built has no changes');
    for (const item of items) {
      const node = find(root, item.path, false);
      demand(node.kind === item.kind, 'what was listed is there');
      if (item.kind === 'file' && node.kind === 'file')
        demand(equalBytes(node.view(0, node.size), item.bytes), 'a file has its own bytes');
      if (item.kind === 'link') follow(() => find(root, item.path, true));
    }
    return 'a tree';
  } catch (error) {
    if (error instanceof FileError) return `no tree (${error.code})`;
    throw error;
  }
}

/** Follows a link as a guest would: it leads to what is in the tree, or it is refused. */
function follow(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
}

function readImage(input: Uint8Array): string {
  const changes = parseChanges(input);
  const items = parseTree(input);
  if (changes === null) {
    demand(items === null, 'what are no changes is no tree');
    return 'refused: no list of names';
  }
  let bytes = 0;
  for (const change of changes) {
    checkPath(change.path);
    if (change.kind === 'file') bytes += change.bytes.length;
  }
  demand(bytes <= input.length, 'files have no more bytes than came');
  demand(isDeepStrictEqual(parseChanges(encodeTree(changes)), changes), 'changes that are written read the same');
  if (items === null) return 'accepted: changes';
  return `accepted: ${build(items)}`;
}

/** Lists everything below a folder: kind, and content or target. */
function listFolder(folder: string, prefix = ''): readonly string[] {
  return readdirSync(join(folder, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    const stat = lstatSync(join(folder, path));
    if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(folder, path))}`];
    if (stat.isDirectory()) return [path, ...listFolder(folder, path)];
    return [`${path}: ${readFileSync(join(folder, path)).toString('hex')}`];
  });
}

/** Writes changes back into a directory beside which something lies that must stay as it is. */
async function writeImage(input: Uint8Array): Promise<string> {
  const changes = parseChanges(input);
  if (changes === null) return 'refused: no list of names';
  const around = mkdtempSync(join(tmpdir(), 'anchorhold-fuzz-'));
  try {
    const root = join(around, 'root');
    for (const folder of [root, join(root, 'a'), join(around, 'out')]) mkdirSync(folder);
    writeFileSync(join(around, 'out', 'secret'), 'kept');
    writeFileSync(join(root, 'a', 'b'), 'old');
    // A link of the directory's owner, who may have links that lead out.
    symlinkSync('../out', join(root, 'up'));
    const { leftOut, failed } = await writeBack(root, changes);
    const rest = listFolder(around).filter((line) => !line.startsWith('root'));
    demand(isDeepStrictEqual(rest, ['out', 'out/secret: 6b657074']), 'nothing is written outside of the directory');
    for (const line of listFolder(root)) {
      const [path = '', target] = line.split(' -> ');
      if (target === undefined || line === 'up -> ../out') continue;
      const led = resolve(root, dirname(path), target);
      demand(led === root || led.startsWith(`${root}/`), 'no link that is written leads out');
    }
    return `accepted: ${leftOut.length > 0 ? 'links left out' : 'no link left out'}, ${failed.length > 0 ? nameOf('some failed') : 'all done'}`;
  } finally {
    rmSync(around, { recursive: true, force: true });
  }
}

const makeImages = (): readonly Uint8Array[] => {
  const random = createRandom('trees');
  const plain = encodeTree([
    { kind: 'directory', path: 'd' },
    { kind: 'file', path: 'd/f', bytes: encodeUtf8('content') },
    { kind: 'link', path: 'd/l', target: '../d/f' },
    { kind: 'directory', path: 'd/e' },
    { kind: 'link', path: 'up', target: 'd/e/../..' },
  ]);
  const any = Array.from({ length: 60 }, () =>
    encodeTree(Array.from({ length: 1 + random.below(8) }, () => makeChange(random))),
  );
  return [plain, plain, ...any.filter((image) => parseUtf8(image) !== null || parseChanges(image) !== null)];
};

const mutators = [changeName, changeName, changeName, changeRow, changeBytes];

/** The targets, whose inputs are trees as bytes. */
export const TREE_TARGETS: readonly Target[] = [
  { name: 'trees', share: 10, seeds: makeImages(), mutators, run: readImage },
  { name: 'write-back', share: 1, seeds: makeImages(), mutators, run: writeImage },
];
