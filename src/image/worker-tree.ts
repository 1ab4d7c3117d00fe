/** What the worker of the image is bundled of: its compiled files, and of each package of npm that they need the code and the package.json. */
import { encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import { refuseInput, type Tree, type TreeFile, treeFile } from './tree.ts';
import { type WorkerFiles, withDependencies } from './worker-files.ts';

/** Where the worker lies; `images/init/paths.h` names it too. */
export const WORKER_FOLDER = 'lib/anchorhold';

/** What tells Node that the worker's files are modules. */
export const WORKER_PACKAGE: string = `${WORKER_FOLDER}/package.json`;

/** What Node reads of a package; types, sources for debuggers, documents and tests stay out. */
const CODE = /\.(?:js|cjs|mjs|json)$/;
const NOT_RUN = /^(?:test|tests|__tests__|docs|examples|benchmarks?)\/|\.(?:test|spec|bench|es5)\.[cm]?js$/;

/** Reads the names of the packages that a package needs. */
function dependenciesIn(name: string, tree: Tree): readonly string[] {
  const file = tree.find(({ path }) => path === 'package/package.json');
  if (file?.kind !== 'file') throw refuseInput(`the package ${name} has no package.json`);
  const { dependencies = {} } = JSON.parse(parseUtf8(file.bytes) ?? 'null') as { dependencies?: object };
  return Object.keys(dependencies);
}

function packageFiles(name: string, tree: Tree): readonly TreeFile[] {
  return tree.flatMap((entry) => {
    const path = entry.path.replace(/^package\//, '');
    if (entry.kind !== 'file' || !CODE.test(path) || NOT_RUN.test(path)) return [];
    return [treeFile(`${WORKER_FOLDER}/node_modules/${name}/${path}`, entry.bytes)];
  });
}

/**
 * Makes the worker's entries; `packages` holds the unpacked packages of npm by name.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE when one is needed that the lock does not have
 */
export function makeWorkerTree(
  worker: WorkerFiles,
  version: string,
  packages: ReadonlyMap<string, Tree>,
): readonly TreeFile[] {
  const treeOf = (name: string): Tree => {
    const tree = packages.get(name);
    if (tree === undefined) throw refuseInput(`the worker needs the package ${name}, which is not in the lock`);
    return tree;
  };
  const needed = withDependencies(worker.packages, (name) => dependenciesIn(name, treeOf(name)));
  const own = { name: 'anchorhold', type: 'module', version };
  return [
    treeFile(WORKER_PACKAGE, encodeUtf8(`${encodeCanonicalJson(own)}\n`)),
    ...[...worker.files].map(([path, bytes]) => treeFile(`${WORKER_FOLDER}/dist/${path}`, bytes)),
    ...needed.flatMap((name) => packageFiles(name, treeOf(name))),
  ];
}
