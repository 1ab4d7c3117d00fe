/** `anchorhold image config`: puts everything that a worker's configuration names into the one file that a machine of the image is given. */
import { dirname, relative, resolve, sep } from 'node:path';
import { formatDigest } from '../base/digest.ts';
import { CONFIG_NAME, encodeConfigBundle } from '../enclave/image/config-bundle.ts';
import { readImageConfig } from '../enclave/image/image-config.ts';
import { loadWorkerParts } from '../enclave/worker-parts.ts';
import { ConfigurationError } from '../errors.ts';
import { DISK, writeWholeFile } from '../io/files.ts';
import { rememberFiles } from '../io/memory-files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type CliCommand, JSON_SWITCH, optionValue } from './command.ts';
import { writeJson, writeLine } from './output.ts';

/** Disks are read in sectors. */
const SECTOR_BYTES = 512;

/** Gives the name of a file in the bundle: where it stands below the configuration. */
function nameBelow(folder: string, path: string): string {
  const name = relative(folder, path);
  if (name !== '' && name !== '..' && !name.startsWith(`..${sep}`)) return name.split(sep).join('/');
  throw new ConfigurationError(
    'ERR_CONFIGURATION_FILE',
    `${path} must lie below ${folder}, the folder of the configuration: the machine finds it by its path from there`,
  );
}

export const imageConfig: CliCommand = {
  summary: 'put a worker configuration and all that it names into one file for a machine of the image',
  example: 'anchorhold image config worker.json --out worker.config',
  arguments: [{ name: 'file', summary: "the worker's configuration", required: true, repeatable: false }],
  options: [{ name: 'out', value: 'FILE', summary: 'where to write it (required)', repeatable: false }, JSON_SWITCH],
  passThrough: false,
  async run(input, io) {
    const [given = ''] = input.positionals;
    const out = optionValue(input, 'out');
    if (out === null)
      throw new ConfigurationError('ERR_CONFIGURATION_USAGE', '--out FILE is missing: name the file to write');
    const path = resolve(io.cwd, given);
    const seen = new Map<string, Uint8Array>();
    const files = rememberFiles(DISK, seen);
    // What the worker would read at its start is read here in the same way, so that nothing is missing and nothing is refused there.
    const config = await readImageConfig(files, path);
    await loadWorkerParts(config, dirname(path), files);
    const named = [...seen].map(
      ([read, bytes]) => [read === path ? CONFIG_NAME : nameBelow(dirname(path), read), bytes] as const,
    );
    const bundle = encodeConfigBundle(new Map(named));
    const digest = formatDigest(nativeSha256(bundle));
    const padded = new Uint8Array(Math.ceil(bundle.length / SECTOR_BYTES) * SECTOR_BYTES);
    padded.set(bundle);
    await writeWholeFile(resolve(io.cwd, out), padded);
    const names = named.map(([name]) => name).sort();
    if (input.switches.has('json')) writeJson(io, { digest, bytes: bundle.length, files: names });
    else writeLine(io, digest);
    return 0;
  },
};
