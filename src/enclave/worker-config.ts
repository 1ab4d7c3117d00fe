/**
 * The worker's configuration: one JSON object with every field present. It names files and steers nothing that an owner's policy
 * decides; what weakens isolation (fixed names, extra roots) shows up in the lockdown claims.
 */
import { ConfigurationError } from '../errors.ts';

export interface WorkerConfig {
  readonly listen: { readonly host: string; readonly port: number };
  /** Paths of owner policy files. */
  readonly policies: readonly string[];
  /** Paths of WASM files, by function name. */
  readonly functions: Readonly<Record<string, string>>;
  /** Paths of certificates (PEM or DER) for hosts that hand none to the guest. */
  readonly endorsements: readonly string[];
  /** Longest time one call may take, in milliseconds. */
  readonly deadlineMs: number;
  readonly egress: {
    /** Names with a fixed address, instead of DNS; the only way to reach a private address by name. */
    readonly names: Readonly<Record<string, string>>;
    /** Roots for TLS servers: the system's, or only these PEM files. */
    readonly roots: 'system' | readonly string[];
  };
}

const FORMAT = 'anchorhold-worker/1';
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

function fail(path: string, expected: string): never {
  throw new ConfigurationError('ERR_CONFIGURATION_FILE', `worker configuration: ${path} must be ${expected}`);
}

function readObject(value: unknown, path: string, keys: readonly string[] | null): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(path, 'an object');
  if (keys !== null) {
    const missing = keys.find((key) => !Object.hasOwn(value, key));
    if (missing !== undefined) return fail(`${path}.${missing}`, 'present');
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown !== undefined) return fail(`${path}.${unknown}`, `absent: the known fields are ${keys.join(', ')}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function readTexts(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return fail(path, 'a list of texts');
  return value;
}

function readTextMap(value: unknown, path: string): Readonly<Record<string, string>> {
  const map = readObject(value, path, null);
  const wrong = Object.keys(map).find((key) => typeof map[key] !== 'string');
  return wrong === undefined ? (map as Record<string, string>) : fail(`${path}.${wrong}`, 'a text');
}

function readInteger(value: unknown, path: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    return fail(path, `a whole number from ${min} to ${max}`);
  }
  return value;
}

/**
 * Reads a configuration from JSON text.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE naming the field and what may stand there
 */
export function parseWorkerConfig(text: string): WorkerConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'worker configuration: not JSON', { cause });
  }
  const keys = ['anchorhold', 'listen', 'policies', 'functions', 'endorsements', 'deadlineMs', 'egress'] as const;
  const all = readObject(json, '$', keys);
  if (all['anchorhold'] !== FORMAT) return fail('$.anchorhold', JSON.stringify(FORMAT));
  const listen = readObject(all['listen'], '$.listen', ['host', 'port']);
  const functions = readTextMap(all['functions'], '$.functions');
  const misnamed = Object.keys(functions).find((name) => !NAME.test(name));
  if (misnamed !== undefined)
    return fail(`$.functions.${misnamed}`, 'named with lower-case letters, digits and inner dashes');
  const egress = readObject(all['egress'], '$.egress', ['names', 'roots']);
  return {
    listen: {
      host: typeof listen['host'] === 'string' ? listen['host'] : fail('$.listen.host', 'a text'),
      port: readInteger(listen['port'], '$.listen.port', 0, 65_535),
    },
    policies: readTexts(all['policies'], '$.policies'),
    functions,
    endorsements: readTexts(all['endorsements'], '$.endorsements'),
    deadlineMs: readInteger(all['deadlineMs'], '$.deadlineMs', 1, 600_000),
    egress: {
      names: readTextMap(egress['names'], '$.egress.names'),
      roots: egress['roots'] === 'system' ? 'system' : readTexts(egress['roots'], '$.egress.roots'),
    },
  };
}
