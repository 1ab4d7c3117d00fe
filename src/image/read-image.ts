/** Reads the manifest of an image in a folder, and compares every file with it: a manifest beside other files says nothing of them. */
import { join } from 'node:path';
import { encodeHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { readTextFile } from '../io/files.ts';
import { digestFile } from '../io/native-digest.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { refuseInput } from './tree.ts';

/**
 * Reads an image.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, ERR_CONFIGURATION_IMAGE when a file is not the one of the manifest
 */
export async function readImage(folder: string): Promise<Manifest> {
  const manifest = parseManifest(await readTextFile(join(folder, 'manifest.json'), LIMITS.configurationBytes));
  for (const { path, sha256 } of manifest.files) {
    const found = encodeHex(await digestFile(join(folder, path), LIMITS.bootFileBytes));
    if (found !== sha256) throw refuseInput(`${join(folder, path)} is not the file that the manifest beside it names`);
  }
  return manifest;
}
