/** Reads everything that a worker's configuration names: policies with what they refer to, functions, certificates, roots. */
import { X509Certificate } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { readBytesFile, readTextFile, siblingReader } from '../io/files.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import type { WorkerConfig } from './worker-config.ts';

/** What `bootWorker` takes from files. */
export interface WorkerParts {
  readonly listen: WorkerConfig['listen'];
  readonly deadlineMs: number;
  readonly policies: readonly OwnerPolicy[];
  readonly functions: ReadonlyMap<string, Uint8Array>;
  /** DER certificates. */
  readonly endorsements: readonly Uint8Array[];
  readonly egress: {
    readonly names: Readonly<Record<string, string>>;
    /** The system's roots, or only these (PEM texts). */
    readonly roots: 'system' | readonly string[];
  };
}

async function loadPolicy(path: string): Promise<OwnerPolicy> {
  const text = await readTextFile(path, LIMITS.policyBytes);
  return parseOwnerPolicy(text, {
    file: basename(path),
    references: siblingReader(dirname(path), LIMITS.referenceBytes),
  });
}

async function loadCertificate(path: string): Promise<Uint8Array> {
  const bytes = await readBytesFile(path, LIMITS.certificateBytes);
  try {
    return Uint8Array.from(new X509Certificate(bytes).raw);
  } catch (cause) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} is not a certificate`, { cause });
  }
}

/**
 * Loads the files of a configuration; relative paths are resolved against `folder`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, PolicyError
 */
export async function loadWorkerParts(config: WorkerConfig, folder: string): Promise<WorkerParts> {
  const at = (path: string): string => resolve(folder, path);
  const { egress } = config;
  const functions = Object.entries(config.functions).map(
    async ([name, path]) => [name, await readBytesFile(at(path), LIMITS.functionBytes)] as const,
  );
  return {
    listen: config.listen,
    deadlineMs: config.deadlineMs,
    policies: await Promise.all(config.policies.map(async (path) => await loadPolicy(at(path)))),
    functions: new Map(await Promise.all(functions)),
    endorsements: await Promise.all(config.endorsements.map(async (path) => await loadCertificate(at(path)))),
    egress: {
      names: egress.names,
      roots:
        egress.roots === 'system'
          ? 'system'
          : await Promise.all(egress.roots.map(async (path) => await readTextFile(at(path), LIMITS.referenceBytes))),
    },
  };
}
