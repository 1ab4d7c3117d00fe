/** `anchorhold worker`: the worker inside a confidential VM, on the machine's own attestation device. */
import { resolve } from 'node:path';
import { bootConfiguredWorker } from '../enclave/configured-worker.ts';
import { ConfigurationError } from '../errors.ts';
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
    const running = await bootConfiguredWorker(resolve(io.cwd, given));
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
