/**
 * The program that the image's init starts: the worker of this machine, and nothing else. It takes no arguments and no environment. Its exit code
 * is that of the error table; init ends the machine when it says that it will not run.
 */
import { readFileSync } from 'node:fs';
import { EnclaveError } from '../../errors.ts';
import { openLog } from '../../io/log.ts';
import { openConfigfsTsm } from '../device/configfs-tsm.ts';
import { openResourceGroups, systemGroupPlace } from '../sandbox/resource-groups.ts';
import { bootImage } from './boot-image.ts';
import { CONFIG_DISK, readConfigDisk } from './config-disk.ts';

const log = openLog();
try {
  await bootImage({
    commandLine: readFileSync('/proc/cmdline', 'utf8'),
    readBundle: () => readConfigDisk(CONFIG_DISK),
    device: await openConfigfsTsm(),
    groups: openResourceGroups(systemGroupPlace()),
    log,
    now: () => new Date(),
  });
} catch (error) {
  if (!(error instanceof EnclaveError)) throw error;
  log.warn('will not run', { code: error.code, message: error.message });
  process.exit(error.exit);
}
