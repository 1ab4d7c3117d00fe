/** `anchorhold image verify`: builds the image twice in different surroundings, and says whether both are the same bits. */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verifyBuild } from '../image/verify.ts';
import { type CliCommand, JSON_SWITCH, optionValue } from './command.ts';
import { LOCK_OPTION, lockPath, SNAPSHOT_SWITCH, SOURCE_OPTIONS } from './image-options.ts';
import { printable, writeJson, writeLine, writeProgress } from './output.ts';

/** Exit code for builds that are not the same. */
const EXIT_DIFFERENT = 1;

export const imageVerify: CliCommand = {
  summary: 'build the image twice, in different folders, time zones and locales, and compare the bits',
  example: 'anchorhold image verify',
  arguments: [],
  options: [LOCK_OPTION, ...SOURCE_OPTIONS, SNAPSHOT_SWITCH, JSON_SWITCH],
  passThrough: false,
  async run(input, io) {
    // The command line beside this file, in whichever form both are.
    const main = fileURLToPath(import.meta.url.replace('image-verify', 'main'));
    const mirror = optionValue(input, 'mirror');
    const command = [
      process.execPath,
      main,
      ...['image', 'build', '--lock', lockPath(input, io)],
      ...['--cache', resolve(io.cwd, optionValue(input, 'cache') ?? '.anchorhold/cache')],
      ...(mirror === null ? [] : ['--mirror', mirror]),
      ...(input.switches.has('snapshot') ? ['--snapshot'] : []),
      '--out',
    ];
    const { manifest, differences } = await verifyBuild(command, (line) => writeProgress(io, line));
    const same = differences.length === 0;
    if (input.switches.has('json')) writeJson(io, { same, differences, files: manifest.files });
    else if (same) {
      writeLine(io, 'two builds are the same, bit by bit');
      for (const { path, sha256 } of manifest.files) writeLine(io, `  ${path.padEnd(18)} sha256:${sha256}`);
    } else for (const difference of differences) writeLine(io, printable(difference));
    return same ? 0 : EXIT_DIFFERENT;
  },
};
