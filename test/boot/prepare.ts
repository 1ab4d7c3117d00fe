/** Builds what only tests put into a machine, when it is not there: `node test/boot/prepare.ts [MIRROR]`. */
import { join, resolve } from 'node:path';
import { DEFAULT_MIRROR, openMirror } from '../../src/image/mirror.ts';
import { openPackageCache } from '../../src/image/package-cache.ts';
import { buildTestPrograms, readTestPrograms } from './programs.ts';

const progress = (line: string): void => void process.stderr.write(`boot-test: ${line}\n`);

if (readTestPrograms() === null) {
  try {
    await buildTestPrograms({
      cache: openPackageCache(join(resolve(import.meta.dirname, '../..'), '.anchorhold/cache')),
      mirror: openMirror(process.argv[2] ?? DEFAULT_MIRROR),
      progress,
    });
    progress('built the test module and the probe');
  } catch (error) {
    progress(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
