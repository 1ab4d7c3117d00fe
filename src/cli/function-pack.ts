/**
 * `anchorhold function pack`: writes the manifest of a folder's files, so that one digest is over all of them. It looks into none of them:
 * whether the function can be run is seen when it is loaded.
 */
import { join, resolve } from 'node:path';
import { encodeUtf8 } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { MANIFEST_NAME, parseManifest, writeManifest } from '../enclave/function-manifest.ts';
import { ConfigurationError, FunctionError } from '../errors.ts';
import { writeWholeFile } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type CliCommand, type CliInput, JSON_SWITCH, optionValue } from './command.ts';
import { readDirectoryTree } from './directory-tree.ts';
import { writeJson, writeLine } from './output.ts';

const DEFAULT_ENTRY = 'main.wasm';
const DEFAULT_TYPE = 'application/octet-stream';

/** Makes the manifest of the files below a folder. @throws ConfigurationError ERR_CONFIGURATION_FILE, _USAGE */
async function describeFolder(folder: string, input: CliInput): Promise<string> {
  const tree = await readDirectoryTree(folder, { bytes: LIMITS.functionBytes, entries: LIMITS.treeEntries });
  const other = tree.leftOut[0] ?? tree.items.find(({ kind }) => kind === 'link')?.path;
  if (other !== undefined)
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${folder} holds what is neither file nor folder: ${other}`);
  const files = tree.items.flatMap((item) =>
    item.kind === 'file' && item.path !== MANIFEST_NAME
      ? [[item.path, formatDigest(nativeSha256(item.bytes))] as const]
      : [],
  );
  const manifest = writeManifest({
    entry: optionValue(input, 'entry') ?? DEFAULT_ENTRY,
    type: optionValue(input, 'type') ?? DEFAULT_TYPE,
    files: Object.fromEntries(files),
  });
  try {
    // What a worker would refuse is not written.
    parseManifest(encodeUtf8(manifest), folder);
  } catch (cause) {
    if (!(cause instanceof FunctionError)) throw cause;
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', cause.message, { cause });
  }
  return manifest;
}

export const functionPack: CliCommand = {
  summary: 'write the manifest of a function of several files, and print its digest',
  example: 'anchorhold function pack risk-score --entry risk-score.wasm --type application/json',
  arguments: [{ name: 'folder', summary: 'the folder with its files', required: true, repeatable: false }],
  options: [
    { name: 'entry', value: 'FILE', summary: `the file that is run (default: ${DEFAULT_ENTRY})`, repeatable: false },
    {
      name: 'type',
      value: 'TYPE',
      summary: `media type of what a program answers (default: ${DEFAULT_TYPE})`,
      repeatable: false,
    },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const folder = resolve(io.cwd, input.positionals[0] ?? '');
    const manifest = await describeFolder(folder, input);
    const path = join(folder, MANIFEST_NAME);
    await writeWholeFile(path, manifest);
    const digest = formatDigest(nativeSha256(encodeUtf8(manifest)));
    if (input.switches.has('json')) writeJson(io, { manifest: path, digest });
    else writeLine(io, `${digest}  ${path}`);
    return 0;
  },
};
