/**
 * `anchorhold dev`: a worker on this machine with a simulated AMD, and a complete trust file for it. Everything else is the real thing.
 * The only place in src/ that reaches the simulated AMD, and only when called.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PRESETS } from '../attestation/requirements.ts';
import { formatTrustFile } from '../attestation/trust-file.ts';
import { encodeHex } from '../base/bytes.ts';
import { bootWorker } from '../enclave/boot.ts';
import { loadWorkerParts } from '../enclave/worker-parts.ts';
import { ConfigurationError } from '../errors.ts';
import { openLog, SILENT } from '../io/log.ts';
import { type CliCommand, type CliInput, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { writeJson, writeLine, writeProgress } from './output.ts';

const DEFAULT_PORT = 8443;
const TRUST_FILE = 'anchorhold.trust.json';
const STATE = '.anchorhold/simulated-amd';

/** Reads repeated NAME=VALUE options. */
function readPairs(input: CliInput, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    optionValues(input, name).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1 || at === pair.length - 1) {
        throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--${name} ${pair}: write NAME=VALUE`);
      }
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function readPort(input: CliInput): number {
  const text = optionValue(input, 'port') ?? String(DEFAULT_PORT);
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--port ${text}: write a number from 0 to 65535`);
  }
  return Number(text);
}

export const dev: CliCommand = {
  summary: 'run a worker on this machine with a simulated AMD, and write a trust file for it',
  example: 'anchorhold dev --policy hospital-a.yaml --function risk-score=risk-score.wasm',
  arguments: [],
  options: [
    {
      name: 'policy',
      value: 'FILE',
      summary: "an owner's policy; none means that nothing is allowed",
      repeatable: true,
    },
    { name: 'function', value: 'NAME=FILE', summary: 'a WASM function under its name', repeatable: true },
    {
      name: 'port',
      value: 'N',
      summary: `port on 127.0.0.1 (default ${DEFAULT_PORT}; 0 takes a free one)`,
      repeatable: false,
    },
    {
      name: 'name',
      value: 'HOST=ADDRESS',
      summary: 'a fixed address for an egress host, instead of DNS',
      repeatable: true,
    },
    {
      name: 'egress-root',
      value: 'FILE',
      summary: 'PEM root for egress TLS servers, instead of the system roots',
      repeatable: true,
    },
    {
      name: 'trust',
      value: 'FILE',
      summary: `where to write the trust file (default ${TRUST_FILE})`,
      repeatable: false,
    },
    {
      name: 'state',
      value: 'DIR',
      summary: `where the simulated AMD keeps its keys (default ${STATE})`,
      repeatable: false,
    },
    { name: 'log', value: null, summary: 'write the log as JSON lines to stderr', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const { openSimulatedAmd, SIMULATED_MEASUREMENT, simulatedDevice } = await import('../testing/index.ts');
    const now = (): Date => new Date();
    const roots = optionValues(input, 'egress-root');
    const parts = await loadWorkerParts(
      {
        listen: { host: '127.0.0.1', port: readPort(input) },
        policies: optionValues(input, 'policy'),
        functions: readPairs(input, 'function'),
        endorsements: [],
        deadlineMs: 10_000,
        egress: { names: readPairs(input, 'name'), roots: roots.length === 0 ? 'system' : roots },
      },
      io.cwd,
    );
    const state = resolve(io.cwd, optionValue(input, 'state') ?? STATE);
    await mkdir(dirname(state), { recursive: true });
    writeProgress(io, 'dev: opening the simulated AMD (the first time makes its keys)');
    const amd = await openSimulatedAmd(state, { onProgress: (message) => writeProgress(io, `dev: ${message}`) });
    const device = await simulatedDevice(amd, { product: 'Genoa' });
    writeProgress(io, 'dev: loading functions');
    const worker = await bootWorker({ ...parts, device, log: input.switches.has('log') ? openLog() : SILENT, now });
    const trustPath = resolve(io.cwd, optionValue(input, 'trust') ?? TRUST_FILE);
    const trust = formatTrustFile({
      url: worker.url,
      roots: { simulated: [await amd.rootFingerprint('Genoa')] },
      machine: PRESETS['strict-2026-11'],
      code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: worker.functions },
      isolation: { policies: worker.policies, others: 'refused', lockdown: worker.lockdown },
      freshness: { reattest: 'connection' },
    });
    await writeFile(trustPath, trust);
    if (input.switches.has('json')) {
      writeJson(io, {
        url: worker.url,
        trust: trustPath,
        simulated: true,
        functions: worker.functions,
        policies: worker.policies,
      });
    } else {
      writeLine(io, 'SIMULATED: this worker runs on a simulated AMD; it proves nothing about hardware');
      writeLine(io, `worker     ${worker.url}`);
      writeLine(io, `trust file ${trustPath}`);
      for (const [name, digest] of Object.entries(worker.functions)) writeLine(io, `function   ${name} ${digest}`);
      for (const [owner, digest] of Object.entries(worker.policies)) writeLine(io, `policy     ${owner} ${digest}`);
      if (Object.keys(worker.policies).length === 0) writeLine(io, 'no policy: nothing is allowed; give --policy FILE');
    }
    await io.untilStopped();
    await worker.close();
    return 0;
  },
};
