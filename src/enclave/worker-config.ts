/**
 * The worker's configuration: one JSON object with every field present. It names files and steers nothing that an owner's policy
 * decides; what weakens isolation (fixed names, extra roots) shows up in the lockdown claims.
 */
import { isIP } from 'node:net';
import {
  integer,
  listOf,
  mapOf,
  object,
  oneOf,
  optional,
  type Reader,
  readJson,
  refuseValue,
  text,
  wordOr,
} from '../attestation/json-reader.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import type { ChangeRules } from '../policy/policy.ts';
import { parseKey } from '../policy/words.ts';

export interface WorkerConfig {
  readonly listen: { readonly host: string; readonly port: number };
  /** Paths of owner policy files. */
  readonly policies: readonly string[];
  /** Paths of WASM files or manifests, by function name. */
  readonly functions: Readonly<Record<string, string>>;
  /** Paths of certificates (PEM or DER) for hosts that hand none to the guest. */
  readonly endorsements: readonly string[];
  /** Longest time one call may take, in milliseconds. */
  readonly deadlineMs: number;
  /** The latest release of WASI whose functions are loaded: 0.2 where nothing is said. */
  readonly wasi: '0.2' | '0.3';
  /** Where what shall outlive the worker is kept sealed: nowhere when nothing is said. */
  readonly store:
    | 'memory'
    | { readonly folder: string; readonly keySource: { readonly kind: 'simulated-file'; readonly file: string } };
  /** Owners who may bring their first policy while the worker runs, and whose signatures that takes: nobody where nothing is said. */
  readonly owners: Readonly<Record<string, ChangeRules>>;
  readonly egress: {
    /** Names with a fixed address, instead of DNS; the only way to reach a private address by name. */
    readonly names: Readonly<Record<string, string>>;
    /** Roots for TLS servers: the system's, or only these PEM files. */
    readonly roots: 'system' | readonly string[];
  };
}

const FORMAT = 'anchorhold-worker/1';
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;
/** A host as a policy writes it: lower case, labels of letters, digits and inner dashes. */
const HOST = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Tells whether a function may have this name: it is the first path segment of its queries. */
export function isFunctionName(name: string): boolean {
  return NAME.test(name);
}

/** Tells what is wrong with a fixed name and its address, or null when nothing is. */
export function fixedNameFlaw(host: string, address: string): string | null {
  if (!HOST.test(host)) return `${JSON.stringify(host)} is not a host name in lower case`;
  return isIP(address) === 0 ? `${JSON.stringify(address)} is not an IP address` : null;
}

const path = text('the path of a file', (value) => value !== '' && !value.includes('\0'));
const address = text('an address to listen on, such as "0.0.0.0"', (value) => isIP(value) !== 0 || HOST.test(value));

const functions: Reader<WorkerConfig['functions']> = (value, at) => {
  const paths = mapOf(path)(value, at);
  const misnamed = Object.keys(paths).find((name) => !isFunctionName(name));
  if (misnamed !== undefined)
    throw refuseValue(at, 'an object of names with lower-case letters, digits and inner dashes', misnamed);
  return paths;
};

const names: Reader<WorkerConfig['egress']['names']> = (value, at) => {
  const addresses = mapOf(text('an IP address', (item) => isIP(item) !== 0))(value, at);
  const misnamed = Object.entries(addresses).find(([host, item]) => fixedNameFlaw(host, item) !== null);
  if (misnamed !== undefined) throw refuseValue(at, 'an object of host names in lower case', misnamed[0]);
  return addresses;
};

const ownerKey: Reader<Uint8Array> = (value, at) => {
  const key = typeof value === 'string' ? parseKey(value) : null;
  if (key?.ok !== true) throw refuseValue(at, 'a public key as in the section changes of a policy', value);
  return key.value;
};

const owners: Reader<WorkerConfig['owners']> = (value, at) => {
  const texts = listOf(text('a public key', () => true));
  const given = mapOf(object({ keys: texts, needed: integer(1, LIMITS.statementSignatures) }))(value, at);
  return Object.fromEntries(
    Object.entries(given).map(([owner, { keys, needed }]) => {
      if (!isFunctionName(owner) || owner === 'others') throw refuseValue(at, 'an object of names of owners', owner);
      if (keys.length < needed) throw refuseValue(`${at}.${owner}.needed`, `at most ${keys.length}`, needed);
      return [owner, { keys: keys.map((key, i) => ownerKey(key, `${at}.${owner}.keys[${i}]`)), needed }];
    }),
  );
};

type File = Omit<WorkerConfig, 'wasi' | 'store' | 'owners'> & {
  readonly anchorhold: typeof FORMAT;
  readonly wasi: WorkerConfig['wasi'] | undefined;
  readonly store: WorkerConfig['store'] | undefined;
  readonly owners: WorkerConfig['owners'] | undefined;
};

const file: Reader<File> = object({
  anchorhold: oneOf(FORMAT),
  listen: object({ host: address, port: integer(0, 65_535) }),
  policies: listOf(path),
  functions,
  endorsements: listOf(path),
  deadlineMs: integer(1, 600_000),
  wasi: optional(oneOf('0.2', '0.3')),
  store: optional(
    wordOr(['memory'], object({ folder: path, keySource: object({ kind: oneOf('simulated-file'), file: path }) })),
  ),
  owners: optional(owners),
  egress: object({ names, roots: wordOr(['system'], listOf(path)) }),
});

/**
 * Reads a configuration from JSON text.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE naming the field and what may stand there
 */
export function parseWorkerConfig(content: string): WorkerConfig {
  try {
    const {
      anchorhold: _format,
      wasi = '0.2',
      store = 'memory',
      owners: newcomers = {},
      ...config
    } = readJson(content, LIMITS.configurationBytes, 'the file', file);
    return { ...config, wasi, store, owners: newcomers };
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `worker configuration: ${cause.message}`, { cause });
  }
}
