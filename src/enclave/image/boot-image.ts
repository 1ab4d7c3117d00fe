/**
 * Boots the worker of the image: finds which configuration the measurement demands, takes that one and no other, and starts. Nothing of the
 * configuration is parsed before its digest holds.
 */
import { dirname, join } from 'node:path';
import type { Log } from '../../io/log.ts';
import { memoryFiles } from '../../io/memory-files.ts';
import { bootWorker, type Worker } from '../boot.ts';
import { readOwnReport } from '../device/own-report.ts';
import type { ReportDevice } from '../device/report-device.ts';
import type { ResourceGroups } from '../sandbox/resource-groups.ts';
import { loadWorkerParts } from '../worker-parts.ts';
import { CONFIG_NAME, parseConfigBundle } from './config-bundle.ts';
import { checkConfigDigest, parseConfigDemand } from './config-demand.ts';
import { readImageConfig } from './image-config.ts';

export interface ImageMachine {
  /** The text of /proc/cmdline, which the launch measurement covers. */
  readonly commandLine: string;
  /** Reads the bundle from its disk, as the operator attached it. */
  readonly readBundle: () => Promise<Uint8Array>;
  readonly device: ReportDevice;
  readonly groups: ResourceGroups;
  readonly log: Log;
  readonly now: () => Date;
}

/** Where the files of a bundle seem to be. */
const FOLDER = '/config';

/**
 * Boots the worker; when it resolves, its port is open.
 * @throws ConfigurationError, PolicyError, FunctionError when any part is not as it must be
 */
export async function bootImage({ commandLine, readBundle, ...machine }: ImageMachine): Promise<Worker> {
  const demand = parseConfigDemand(commandLine);
  const bundle = await readBundle();
  checkConfigDigest(demand, bundle, await readOwnReport(machine.device));
  const files = memoryFiles(
    new Map([...parseConfigBundle(bundle)].map(([name, bytes]) => [join(FOLDER, name), bytes])),
  );
  const path = join(FOLDER, CONFIG_NAME);
  const config = await readImageConfig(files, path);
  return await bootWorker({ ...machine, ...(await loadWorkerParts(config, dirname(path), files)) });
}
