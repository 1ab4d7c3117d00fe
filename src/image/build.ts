/**
 * Builds an image out of the packages of its lock, the C sources of `images/init` and the compiled worker. The same inputs give the same bytes,
 * on any machine that can build: what each file comes from is read here from top to bottom.
 */
import { join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile, writeWholeFile } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { bundleWorker } from './bundle.ts';
import { DEBUG_COMMAND_LINE, PRODUCTION_COMMAND_LINE } from './command-line.ts';
import { compilePrograms, readSources, type Source } from './compile.ts';
import { encodeCpio } from './cpio.ts';
import { makeImageTree } from './image-tree.ts';
import { packInitrd } from './initrd.ts';
import { type InputSource, loadPackage } from './inputs.ts';
import { kernelPackage, modulesOf, vmlinuzOf } from './kernel.ts';
import type { Group, ImageLock } from './lock.ts';
import { BUNDLER_PACKAGE, NODE_PACKAGE } from './npm-lock.ts';
import { openTools, type Tools } from './tools.ts';
import { refuseInput, type Tree } from './tree.ts';
import { findWorkerFiles } from './worker-files.ts';
import { makeWorkerTree } from './worker-tree.ts';

export interface BuildOptions extends InputSource {
  readonly lock: ImageLock;
  /** Folder of this package, with `dist` and `images`. */
  readonly packageFolder: string;
  /** Version of this package. */
  readonly version: string;
  /** Whether the image is one for debugging: it has a console and a shell, and so another measurement. */
  readonly debug: boolean;
}

/** The parts of an image, before any is written. */
export interface Image {
  readonly version: string;
  readonly commandLine: string;
  readonly vmlinuz: Uint8Array;
  readonly initrd: Uint8Array;
  readonly firmware: Uint8Array;
  /** Starts kernel and initrd from a disk. */
  readonly stub: Uint8Array;
  readonly tree: Tree;
  /** SHA-256 of the cpio archive inside of the initrd. */
  readonly treeDigest: Uint8Array;
  readonly sources: readonly Source[];
}

/** Runs of npm at the same time. */
const NPM_RUNS = 4;

/** Reads the one file that a group of packages gives. */
function onlyFile(trees: readonly Tree[], group: Group): Uint8Array {
  const [file, ...others] = trees.flatMap((tree) => tree.filter(({ kind }) => kind === 'file'));
  if (file?.kind !== 'file' || others.length > 0) throw refuseInput(`the lock must take one file of group ${group}`);
  return file.bytes;
}

/** Takes the symbols out of Node: a fifth of the image, of use to a debugger only. */
async function stripNode(tree: Tree, tools: Tools): Promise<Uint8Array> {
  const path = join(tools.folder, 'node');
  await writeWholeFile(path, onlyFile([tree], 'image'));
  await tools.run('strip', '--strip-all', '-o', 'node.stripped', 'node');
  return await readBytesFile(`${path}.stripped`, LIMITS.unpackedBytes);
}

/**
 * Builds an image.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE, ERR_CONFIGURATION_PACKAGE_GONE, ERR_CONFIGURATION_PLATFORM; TransportError
 */
export async function buildImage(options: BuildOptions): Promise<Image> {
  const { lock, packageFolder, version, debug, progress } = options;
  const group = async (wanted: Group): Promise<readonly Tree[]> =>
    await Promise.all(
      lock.packages.filter(({ group }) => group === wanted).map(async (input) => await loadPackage(input, options)),
    );
  const worker = await findWorkerFiles(join(packageFolder, 'dist'));
  const sources = await readSources(join(packageFolder, 'images/init'));

  progress('reading packages');
  const packages = [...(await group('image')), ...(debug ? await group('debug') : [])];
  const kernel = await loadPackage(kernelPackage(lock), options);
  const npm = new Map<string, Tree>();
  // Each that is not in the cache is a run of npm, which takes a second.
  for (let i = 0; i < lock.npm.length; i += NPM_RUNS) {
    const some = lock.npm.slice(i, i + NPM_RUNS);
    const trees = await Promise.all(some.map(async (input) => await loadPackage(input, options)));
    some.forEach(({ name }, at) => npm.set(name, trees[at] ?? []));
  }
  const node = npm.get(NODE_PACKAGE) ?? [];
  const bundler = npm.get(BUNDLER_PACKAGE) ?? [];

  progress('compiling the init');
  const tools = await openTools([...(await group('tools')), ...packages, bundler]);
  try {
    const programs = await compilePrograms(sources, debug, tools);
    progress('bundling the worker');
    const bundles = await bundleWorker(makeWorkerTree(worker, version, npm), tools);
    progress('stripping Node');
    const tree = makeImageTree({
      programs,
      node: await stripNode(node, tools),
      packages,
      modules: await modulesOf(kernel),
      moduleOrder: lock.modules,
      worker: bundles,
    });
    progress('packing the initrd');
    const cpio = encodeCpio(tree);
    return {
      version,
      commandLine: debug ? DEBUG_COMMAND_LINE : PRODUCTION_COMMAND_LINE,
      vmlinuz: vmlinuzOf(kernel),
      initrd: packInitrd(cpio),
      firmware: onlyFile(await group('firmware'), 'firmware'),
      stub: onlyFile(await group('stub'), 'stub'),
      tree,
      treeDigest: nativeSha256(cpio),
      sources,
    };
  } finally {
    await tools.close();
  }
}
