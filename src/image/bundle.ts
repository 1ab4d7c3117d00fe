/**
 * Makes of the worker's files and packages one file for each kind of process, with the pinned bundler: a machine reads one file instead of five
 * hundred, and starts in two thirds of the time. Names stay as they are, so that what runs can be read.
 */
import { join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile } from '../io/files.ts';
import type { Tools } from './tools.ts';
import { makeTree, type TreeFile, treeFile } from './tree.ts';
import { WORKER_ENTRIES } from './worker-files.ts';
import { WORKER_FOLDER, WORKER_PACKAGE } from './worker-tree.ts';

/** Packages of the older kind ask for Node's modules by a function that modules do not have. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const OPTIONS: readonly string[] = [
  '--bundle',
  '--platform=node',
  '--format=esm',
  '--target=node26',
  // Where a package comes as modules, too: of those only what is used is taken, and each function is read once instead of twice.
  '--main-fields=module,main',
  '--charset=utf8',
  '--legal-comments=none',
  '--log-level=warning',
  // A native module that cbor-x does without.
  '--external:cbor-extract',
  `--banner:js=${REQUIRE}`,
];

/**
 * Bundles the worker out of the files that its processes are made of.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE with what the bundler said
 */
export async function bundleWorker(files: readonly TreeFile[], tools: Tools): Promise<readonly TreeFile[]> {
  await tools.add(makeTree(files));
  const bundle = async (name: string, path: string): Promise<TreeFile> => {
    const out = `${WORKER_FOLDER}/${name}.js`;
    await tools.run('esbuild', ...OPTIONS, `--outfile=${out}`, `${WORKER_FOLDER}/dist/${path}`);
    return treeFile(out, await readBytesFile(join(tools.folder, out), LIMITS.unpackedBytes));
  };
  const own = files.filter(({ path }) => path === WORKER_PACKAGE);
  return [...own, ...(await Promise.all(Object.entries(WORKER_ENTRIES).map(([name, path]) => bundle(name, path))))];
}
