/** `anchorhold image build`: builds the image of the machine out of pinned packages, and writes it with its manifest. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage } from '../image/build.ts';
import { makeManifest } from '../image/make-manifest.ts';
import { type Manifest, writeManifest } from '../image/manifest.ts';
import { measureImage } from '../image/measurements.ts';
import { makeOutputs } from '../image/outputs.ts';
import { PACKAGE_FOLDER } from '../image/package-folder.ts';
import { makeFolder, writeWholeFile } from '../io/files.ts';
import { type CliCommand, type CliIo, JSON_SWITCH } from './command.ts';
import {
  imageFolder,
  LOCK_OPTION,
  openCache,
  openSource,
  readLock,
  SNAPSHOT_SWITCH,
  SOURCE_OPTIONS,
} from './image-options.ts';
import { writeJson, writeLine, writeProgress } from './output.ts';

/** Reads the version of this package. */
function ownVersion(): string {
  const text = readFileSync(join(PACKAGE_FOLDER, 'package.json'), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function writeSummary(io: CliIo, folder: string, { files, measurements }: Manifest): void {
  writeLine(io, `built ${folder}`);
  for (const { path, size } of files) writeLine(io, `  ${path.padEnd(18)} ${megabytes(size).padStart(9)}`);
  const [first] = measurements;
  if (first !== undefined) writeLine(io, `launch digest with ${first.vcpus} vCPU of ${first.cpu}: ${first.digest}`);
}

export const imageBuild: CliCommand = {
  summary: 'build the image of the machine out of pinned packages, the same bytes everywhere',
  example: 'anchorhold image build --out image',
  arguments: [],
  options: [
    { name: 'out', value: 'DIR', summary: 'where the image goes (default: .anchorhold/image)', repeatable: false },
    {
      name: 'debug',
      value: null,
      summary: 'build an image with a console and a shell, which has other launch digests',
      repeatable: false,
    },
    LOCK_OPTION,
    ...SOURCE_OPTIONS,
    SNAPSHOT_SWITCH,
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const lock = await readLock(input, io);
    const folder = imageFolder(input, io, 'out');
    const progress = (line: string): void => writeProgress(io, line);
    const image = await buildImage({
      lock,
      packageFolder: PACKAGE_FOLDER,
      version: ownVersion(),
      debug: input.switches.has('debug'),
      cache: openCache(input, io),
      mirror: openSource(input, lock),
      progress,
    });
    progress('measuring');
    const measurements = measureImage(image);
    const outputs = makeOutputs(image);
    const manifest = makeManifest({ image, lock, outputs, measurements });
    progress('writing');
    await makeFolder(folder);
    for (const { path, bytes } of outputs.files) await writeWholeFile(join(folder, path), bytes);
    await writeWholeFile(join(folder, 'manifest.json'), writeManifest(manifest));
    if (input.switches.has('json')) writeJson(io, { folder, files: manifest.files, measurements });
    else writeSummary(io, folder, manifest);
    return 0;
  },
};
