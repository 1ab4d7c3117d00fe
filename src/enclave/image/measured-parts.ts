/**
 * Loads what the worker of the image starts with: finds which configuration the measurement demands, and takes that one and no other. Nothing of
 * it is parsed before its digest holds.
 */
import { dirname, join } from 'node:path';
import { memoryFiles } from '../../io/memory-files.ts';
import { readOwnReport } from '../device/own-report.ts';
import type { ReportDevice } from '../device/report-device.ts';
import { loadWorkerParts, type WorkerParts } from '../worker-parts.ts';
import { CONFIG_NAME, parseConfigBundle } from './config-bundle.ts';
import { checkConfigDigest, parseConfigDemand } from './config-demand.ts';
import { readImageConfig } from './image-config.ts';

export interface ImageMachine {
  /** The text of /proc/cmdline, which the launch measurement covers. */
  readonly commandLine: string;
  /** Reads the bundle from its disk, as the operator attached it. */
  readonly readBundle: () => Promise<Uint8Array>;
  readonly device: ReportDevice;
}

/** Where the files of a bundle seem to be. */
const FOLDER = '/config';

/**
 * Loads the parts of the worker.
 * @throws ConfigurationError, PolicyError, FunctionError when any part is not as it must be
 */
export async function loadMeasuredParts({ commandLine, readBundle, device }: ImageMachine): Promise<WorkerParts> {
  const demand = parseConfigDemand(commandLine);
  const bundle = await readBundle();
  checkConfigDigest(demand, bundle, await readOwnReport(device));
  const files = memoryFiles(
    new Map([...parseConfigBundle(bundle)].map(([name, bytes]) => [join(FOLDER, name), bytes])),
  );
  const path = join(FOLDER, CONFIG_NAME);
  const config = await readImageConfig(files, path);
  return await loadWorkerParts(config, dirname(path), files);
}
