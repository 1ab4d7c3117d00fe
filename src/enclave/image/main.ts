/**
 * The program that the image's init starts: the worker of this machine, and nothing else. It takes no arguments and no environment. Its exit code
 * is that of the error table; init ends the machine when it says that it will not run.
 */
import { readFileSync } from 'node:fs';
import { EnclaveError } from '../../errors.ts';
import { openLog } from '../../io/log.ts';
import { bootWorker } from '../boot.ts';
import { openConfigfsTsm } from '../device/configfs-tsm.ts';
import { openResourceGroups, systemGroupPlace } from '../sandbox/resource-groups.ts';
import { CONFIG_DISK, readConfigDisk } from './config-disk.ts';
import { loadMeasuredParts } from './measured-parts.ts';

const log = openLog();
try {
  const device = await openConfigfsTsm();
  const commandLine = readFileSync('/proc/cmdline', 'utf8');
  const parts = await loadMeasuredParts({ commandLine, readBundle: () => readConfigDisk(CONFIG_DISK), device });
  const groups = openResourceGroups(systemGroupPlace());
  await bootWorker({ ...parts, device, groups, log, now: () => new Date() });
} catch (error) {
  if (!(error instanceof EnclaveError)) throw error;
  log.warn('will not run', { code: error.code, message: error.message });
  process.exit(error.exit);
}
