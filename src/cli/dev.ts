/**
 * `anchorhold dev`: a worker on this machine with a simulated AMD, and a complete trust file for it. Everything else is the real thing.
 * The only place in src/ that reaches the simulated AMD, and only when called.
 */
import { dirname, join, resolve } from 'node:path';
import { PRESETS } from '../attestation/requirements.ts';
import { formatTrustFile } from '../attestation/trust-file.ts';
import { encodeHex } from '../base/bytes.ts';
import { bootWorker, type Worker } from '../enclave/boot.ts';
import { NO_GROUPS } from '../enclave/sandbox/resource-groups.ts';
import { fixedNameFlaw, isFunctionName, type WorkerConfig } from '../enclave/worker-config.ts';
import { loadWorkerParts } from '../enclave/worker-parts.ts';
import { ConfigurationError } from '../errors.ts';
import { DISK, makeFolder, writeWholeFile } from '../io/files.ts';
import { openLog, SILENT } from '../io/log.ts';
import { parseKey } from '../policy/words.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { writeJson, writeLine, writeProgress } from './output.ts';

const DEFAULT_PORT = 8443;
const TRUST_FILE = 'anchorhold.trust.json';
const STATE = '.anchorhold/simulated-amd';
/** One for each port, so that two workers of one folder keep apart. */
const STORE = '.anchorhold/store-PORT';

/** Reads repeated NAME=VALUE options; `flaw` says what is wrong with a pair, or null. */
function readPairs(
  input: CliInput,
  option: string,
  flaw: (name: string, value: string) => string | null,
): Readonly<Record<string, string>> {
  const pairs = new Map<string, string>();
  for (const pair of optionValues(input, option)) {
    const at = pair.indexOf('=');
    const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
    const wrong =
      at < 1 || value === '' ? 'write NAME=VALUE' : pairs.has(name) ? `${name} is there twice` : flaw(name, value);
    if (wrong !== null) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--${option} ${pair}: ${wrong}`);
    pairs.set(name, value);
  }
  return Object.fromEntries(pairs);
}

function functionNameFlaw(name: string): string | null {
  return isFunctionName(name) ? null : 'the name takes lower-case letters, digits and inner dashes';
}

/** Reads `--owner NAME=KEY`: one key that may bring that owner's first policy. */
function readOwners(input: CliInput): WorkerConfig['owners'] {
  const flaw = (name: string, key: string): string | null => {
    const read = parseKey(key);
    return isFunctionName(name)
      ? read.ok
        ? null
        : read.why
      : 'the name takes lower-case letters, digits and inner dashes';
  };
  return Object.fromEntries(
    Object.entries(readPairs(input, 'owner', flaw)).map(([name, key]) => {
      const read = parseKey(key);
      return [name, { keys: read.ok ? [read.value] : [], needed: 1 }];
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

/** Says where what outlives the worker is kept; without a port of its own or a folder it would not be found again. */
function readStore(input: CliInput, port: number): WorkerConfig['store'] {
  const folder = optionValue(input, 'store') ?? (port === 0 ? null : STORE.replace('PORT', String(port)));
  if (folder === null) return 'memory';
  return { folder, keySource: { kind: 'simulated-file', file: join(folder, 'storage.key') } };
}

/** Says where the worker is and what it holds; one line of JSON, or lines for people. */
function announce(io: CliIo, { url, functions, policies, lockdown }: Worker, trust: string, json: boolean): void {
  if (json) {
    writeJson(io, { url, trust, simulated: true, functions, policies });
    return;
  }
  writeLine(io, 'SIMULATED: this worker runs on a simulated AMD; it proves nothing about hardware');
  if (lockdown.keys !== 'none')
    writeLine(
      io,
      'SIMULATED: the key of what is kept on disk lies beside it; nothing there is hidden from this machine',
    );
  writeLine(io, `worker     ${url}`);
  writeLine(io, `trust file ${trust}`);
  for (const [name, digest] of Object.entries(functions)) writeLine(io, `function   ${name} ${digest}`);
  for (const [owner, digest] of Object.entries(policies)) writeLine(io, `policy     ${owner} ${digest}`);
  if (Object.keys(policies).length === 0) writeLine(io, 'no policy: nothing is allowed; give --policy FILE');
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
    {
      name: 'function',
      value: 'NAME=FILE',
      summary: 'a WASM function, or its manifest, under its name',
      repeatable: true,
    },
    {
      name: 'owner',
      value: 'NAME=KEY',
      summary: 'an owner who may bring a first policy while the worker runs, by the key that signs it',
      repeatable: true,
    },
    {
      name: 'port',
      value: 'N',
      summary: `port on 127.0.0.1 (default: ${DEFAULT_PORT}; 0 takes a free one)`,
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
      summary: `where to write the trust file (default: ${TRUST_FILE})`,
      repeatable: false,
    },
    {
      name: 'state',
      value: 'DIR',
      summary: `where the simulated AMD keeps its keys (default: ${STATE})`,
      repeatable: false,
    },
    {
      name: 'store',
      value: 'DIR',
      summary: `where limits, data and secrets are kept under a SIMULATED key (default: ${STORE}; with port 0 in memory)`,
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
    const port = readPort(input);
    const state = resolve(io.cwd, optionValue(input, 'state') ?? STATE);
    const parts = await loadWorkerParts(
      {
        listen: { host: '127.0.0.1', port },
        policies: optionValues(input, 'policy'),
        functions: readPairs(input, 'function', functionNameFlaw),
        endorsements: [],
        deadlineMs: 10_000,
        wasi: '0.2',
        store: readStore(input, port),
        owners: readOwners(input),
        egress: { names: readPairs(input, 'name', fixedNameFlaw), roots: roots.length === 0 ? 'system' : roots },
      },
      io.cwd,
      DISK,
    );
    await makeFolder(dirname(state));
    writeProgress(io, 'dev: opening the simulated AMD (the first time makes its keys)');
    const amd = await openSimulatedAmd(state, { onProgress: (message) => writeProgress(io, `dev: ${message}`) });
    const device = await simulatedDevice(amd, { product: 'Genoa' });
    writeProgress(io, 'dev: loading functions');
    const log = input.switches.has('log') ? openLog() : SILENT;
    const worker = await bootWorker({ ...parts, device, groups: NO_GROUPS, log, now });
    try {
      const trustPath = resolve(io.cwd, optionValue(input, 'trust') ?? TRUST_FILE);
      const trust = formatTrustFile({
        url: worker.url,
        roots: { simulated: [await amd.rootFingerprint('Genoa')] },
        machine: PRESETS['strict-2026-11'],
        code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: worker.functions },
        isolation: { policies: worker.policies, others: 'refused', lockdown: worker.lockdown },
        freshness: { reattest: 'connection' },
      });
      await writeWholeFile(trustPath, trust);
      // Whoever reads the first line may send the signal at once.
      const stopped = io.untilStopped();
      announce(io, worker, trustPath, input.switches.has('json'));
      await stopped;
      return 0;
    } finally {
      await worker.close();
    }
  },
};
