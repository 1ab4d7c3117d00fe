/** Lays out an image: where the programs, libraries, modules and the worker lie in it. `images/init/paths.h` names the same places. */
import { encodeUtf8 } from '../base/bytes.ts';
import { writeRuleset } from './packet-rules.ts';
import { makeTree, type Tree, type TreeEntry, treeDevice, treeDirectory, treeFile, treeLink } from './tree.ts';

export interface ImageParts {
  /** Programs of `images/init` by path. */
  readonly programs: ReadonlyMap<string, Uint8Array>;
  readonly node: Uint8Array;
  /** Files of Debian's packages, at the paths that they have there. */
  readonly packages: readonly Tree[];
  /** Kernel modules by name, and the order in which they are loaded. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  readonly moduleOrder: readonly string[];
  readonly worker: readonly TreeEntry[];
}

/** The gate's user, and the port that it listens on; `images/init/paths.h` has the user too. */
const GATE_USER = 990;
const LISTEN_PORT = 8443;

/** Places where the init mounts something. */
const MOUNT_POINTS: readonly string[] = ['dev', 'proc', 'run', 'sys', 'tmp'];

/** Where Debian's busybox lies; only the group `debug` has it. */
const BUSYBOX = 'usr/bin/busybox';

/** Makes the tree of an image. */
export function makeImageTree(parts: ImageParts): Tree {
  const { programs, node, packages, modules, moduleOrder, worker } = parts;
  const files = packages.flatMap((tree) => tree.filter(({ kind }) => kind === 'file'));
  return makeTree([
    ...[...programs].map(([path, bytes]) => treeFile(path, bytes, 0o755)),
    treeFile('bin/node', node, 0o755),
    // The loader's path is written into every program.
    treeLink('lib64', 'usr/lib/x86_64-linux-gnu'),
    ...files,
    // The debug image's shell, which its init looks for beside Node.
    ...(files.some(({ path }) => path === BUSYBOX) ? [treeLink('bin/busybox', `../${BUSYBOX}`)] : []),
    ...[...modules].map(([name, bytes]) => treeFile(`lib/modules/${name}.ko`, bytes)),
    treeFile('etc/anchorhold/modules', encodeUtf8(moduleOrder.map((name) => `${name}\n`).join(''))),
    treeFile(
      'etc/anchorhold/nftables.conf',
      encodeUtf8(writeRuleset({ brokerUid: GATE_USER, listenPort: LISTEN_PORT })),
    ),
    ...worker,
    ...MOUNT_POINTS.map((path) => treeDirectory(path)),
    // What the init says before it has mounted anything goes here.
    treeDevice('dev/console', 0o600, 5, 1),
    treeDevice('dev/null', 0o666, 1, 3),
  ]);
}
