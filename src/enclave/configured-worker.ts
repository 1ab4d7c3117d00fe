/** A worker as its configuration file says, on the machine's own attestation device: what `anchorhold worker` and a container start. */
import { dirname } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { DISK, readTextFile } from '../io/files.ts';
import { openLog } from '../io/log.ts';
import { bootWorker, type Worker } from './boot.ts';
import { openConfigfsTsm } from './device/configfs-tsm.ts';
import { openResourceGroups, systemGroupPlace } from './sandbox/resource-groups.ts';
import { parseWorkerConfig } from './worker-config.ts';
import { loadWorkerParts } from './worker-parts.ts';

/**
 * Boots the worker of a configuration file; paths in it are relative to it. The log goes to stderr.
 * @throws EnclaveError for whatever it does not start with
 */
export async function bootConfiguredWorker(path: string): Promise<Worker> {
  const config = parseWorkerConfig(await readTextFile(path, LIMITS.configurationBytes));
  const parts = await loadWorkerParts(config, dirname(path), DISK);
  const device = await openConfigfsTsm();
  const groups = openResourceGroups(systemGroupPlace());
  return await bootWorker({ ...parts, device, groups, log: openLog(), now: () => new Date() });
}
