/**
 * The worker's process in a container: boots what the mounted configuration says, and ends when the engine asks it to. The same as `anchorhold worker`,
 * for an image that has no command line. Not the entry of a sealed machine, whose configuration is measured.
 */
import { EnclaveError } from '../../errors.ts';
import { bootConfiguredWorker } from '../configured-worker.ts';

/** Where the image expects its configuration when the container names no other file. */
const CONFIGURATION = '/config/worker.json';

function untilStopped(): Promise<void> {
  return new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop());
  });
}

try {
  const stopped = untilStopped();
  const worker = await bootConfiguredWorker(process.argv[2] ?? CONFIGURATION);
  try {
    process.stdout.write(`listening on ${worker.url}\n`);
    await stopped;
  } finally {
    await worker.close();
  }
} catch (error) {
  if (!(error instanceof EnclaveError)) throw error;
  process.stderr.write(`anchorhold: ${error.message}\nhint: ${error.hint}\n`);
  process.exitCode = error.exit;
}
