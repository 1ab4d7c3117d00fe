/**
 * Runs in a container of the image, on the image's own Node: the compiled worker that the image's is bundled of, with the configuration that is
 * mounted, on a simulated AMD in place of the device that this machine lacks. Prints what it claims, as one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { openSimulatedAmd, simulatedDevice } from '../../../src/testing/index.ts';

/** The compiled worker; the types are those of its sources. */
const IMAGE = '/repo/dist';
const load = async <T>(path: string): Promise<T> => (await import(`${IMAGE}/${path}.js`)) as T;

const { bootWorker } = await load<typeof import('../../../src/enclave/boot.ts')>('enclave/boot');
const { NO_GROUPS } = await load<typeof import('../../../src/enclave/sandbox/resource-groups.ts')>(
  'enclave/sandbox/resource-groups',
);
const { parseWorkerConfig } =
  await load<typeof import('../../../src/enclave/worker-config.ts')>('enclave/worker-config');
const { loadWorkerParts } = await load<typeof import('../../../src/enclave/worker-parts.ts')>('enclave/worker-parts');
const { DISK } = await load<typeof import('../../../src/io/files.ts')>('io/files');
const { openLog } = await load<typeof import('../../../src/io/log.ts')>('io/log');

const parts = await loadWorkerParts(parseWorkerConfig(readFileSync('/config/worker.json', 'utf8')), '/config', DISK);
const amd = await openSimulatedAmd('/config/simulated-amd');
const device = await simulatedDevice(amd, { product: 'Genoa' });
const worker = await bootWorker({ ...parts, device, groups: NO_GROUPS, log: openLog(), now: () => new Date() });
const { functions, policies, lockdown } = worker;
process.stdout.write(`${JSON.stringify({ functions, policies, lockdown })}\n`);
process.once('SIGTERM', () => void worker.close());
