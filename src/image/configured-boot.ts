/**
 * The outputs for clouds, bound to one configuration: on a cloud nobody but its host sets HOST_DATA, so the digest stands on the measured command
 * line. Made from the files of an image, which must be those of its manifest.
 */
import { join } from 'node:path';
import { formatDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { readBytesFile } from '../io/files.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { type BootOutputs, makeBootOutputs, STUB_FILE } from './boot-outputs.ts';
import { rebindCommandLine } from './command-line.ts';
import { readImage } from './read-image.ts';

/**
 * Makes the outputs of the image in a folder; the disk carries the bundle beside its program.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, ERR_CONFIGURATION_IMAGE
 */
export async function makeConfiguredBoot(folder: string, bundle: Uint8Array): Promise<BootOutputs> {
  const { version, commandLine } = await readImage(folder);
  const read = (name: string): Promise<Uint8Array> => readBytesFile(join(folder, name), LIMITS.imageBytes);
  const [stub, kernel, initrd] = await Promise.all([read(STUB_FILE), read('vmlinuz'), read('initrd.img')]);
  const bound = rebindCommandLine(commandLine, formatDigest(nativeSha256(bundle)));
  return makeBootOutputs({ stub, kernel, initrd, commandLine: bound, version }, bundle);
}
