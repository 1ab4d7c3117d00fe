/** `anchorhold worker`: the worker inside a confidential VM, on the machine's own attestation device. */
import { dirname, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { bootWorker } from '../enclave/boot.ts';
import { openConfigfsTsm } from '../enclave/device/configfs-tsm.ts';
import { openResourceGroups, systemGroupPlace } from '../enclave/sandbox/resource-groups.ts';
import { parseWorkerConfig } from '../enclave/worker-config.ts';
import { loadWorkerParts } from '../enclave/worker-parts.ts';
import { ConfigurationError } from '../errors.ts';
import { DISK, readTextFile } from '../io/files.ts';
import { openLog } from '../io/log.ts';
import { type CliCommand, JSON_SWITCH, optionValue } from './command.ts';
import { writeJson, writeLine } from './output.ts';

export const worker: CliCommand = {
  summary: 'run a worker inside a confidential VM',
  example: 'anchorhold worker --config /etc/anchorhold/worker.json',
  arguments: [],
  options: [
    {
      name: 'config',
      value: 'FILE',
      summary: 'configuration (required); paths in it are relative to it',
      repeatable: false,
    },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const given = optionValue(input, 'config');
    if (given === null)
      throw new ConfigurationError(
        'ERR_CONFIGURATION_USAGE',
        '--config FILE is missing; docs/worker.md has an example of such a file',
      );
    const path = resolve(io.cwd, given);
    const config = parseWorkerConfig(await readTextFile(path, LIMITS.configurationBytes));
    const now = (): Date => new Date();
    const parts = await loadWorkerParts(config, dirname(path), DISK);
    const device = await openConfigfsTsm();
    const groups = openResourceGroups(systemGroupPlace());
    const running = await bootWorker({ ...parts, device, groups, log: openLog(), now });
    try {
      const { url, functions, policies, lockdown } = running;
      if (lockdown.keys.startsWith('simulated'))
        io.stderr.write(
          'note: SIMULATED: the key of the store lies on the disk, and hides nothing from this machine\n',
        );
      // Whoever reads the first line may send the signal at once.
      const stopped = io.untilStopped();
      if (input.switches.has('json')) writeJson(io, { url, simulated: false, functions, policies });
      else writeLine(io, `listening on ${url}`);
      await stopped;
      return 0;
    } finally {
      await running.close();
    }
  },
};
