/** `anchorhold image uki`: writes the boot program and the disk of an image bound to one configuration, and says what a TPM will hold. */
import { join, resolve } from 'node:path';
import { formatDigest } from '../base/digest.ts';
import { parseConfigBundle } from '../enclave/image/config-bundle.ts';
import { readConfigDisk } from '../enclave/image/config-disk.ts';
import { ConfigurationError } from '../errors.ts';
import type { PcrTable } from '../image/boot-outputs.ts';
import { makeConfiguredBoot } from '../image/configured-boot.ts';
import { makeFolder, writeWholeFile } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { imageFolder } from './image-options.ts';
import { writeJson, writeLine, writeProgress } from './output.ts';

function pathOf(input: CliInput, io: CliIo, name: string, what: string): string {
  const given = optionValue(input, name);
  if (given === null) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--${name} is missing: name ${what}`);
  return resolve(io.cwd, given);
}

function writeRegisters(io: CliIo, pcrs: PcrTable): void {
  for (const [bank, registers] of Object.entries(pcrs))
    for (const [register, value] of Object.entries(registers)) writeLine(io, `PCR${register} ${bank} ${value}`);
}

export const imageUki: CliCommand = {
  summary: 'bind a configuration into the boot program and disk of an image, for clouds whose HOST_DATA is not yours',
  example: 'anchorhold image uki --config worker.config --out cloud',
  arguments: [],
  options: [
    { name: 'image', value: 'DIR', summary: 'folder of the image (default: .anchorhold/image)', repeatable: false },
    {
      name: 'config',
      value: 'FILE',
      summary: 'configuration, as `image config` writes it (required)',
      repeatable: false,
    },
    { name: 'out', value: 'DIR', summary: 'where UKI and disks go (required)', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const config = pathOf(input, io, 'config', 'the file that `anchorhold image config` wrote');
    const out = pathOf(input, io, 'out', 'a folder for what is written');
    const image = imageFolder(input, io, 'image');
    if (out === image)
      throw new ConfigurationError(
        'ERR_CONFIGURATION_USAGE',
        '--out is the folder of the image, whose manifest would no longer be true: name another',
      );
    const bundle = await readConfigDisk(config);
    // A bundle that the worker would refuse is refused here, and not by a machine that does not start.
    parseConfigBundle(bundle);
    writeProgress(io, 'image uki: reading and measuring the image');
    const { files, pcrs } = await makeConfiguredBoot(image, bundle);
    await makeFolder(out);
    for (const [name, bytes] of files) await writeWholeFile(join(out, name), bytes);
    const digest = formatDigest(nativeSha256(bundle));
    if (input.switches.has('json')) writeJson(io, { config: digest, files: [...files.keys()], pcrs });
    else {
      writeLine(io, `configuration ${digest}`);
      writeRegisters(io, pcrs);
    }
    return 0;
  },
};
