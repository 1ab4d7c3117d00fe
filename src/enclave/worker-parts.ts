/** Reads everything that a worker's configuration names: policies with what they refer to, functions, certificates, roots. */
import { X509Certificate } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { type FileSource, readTextFrom } from '../io/files.ts';
import { parseOwnerPolicy } from '../policy/parse.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { type FunctionFiles, readFunctionFiles } from './function-files.ts';
import { openFileKey } from './keys/file-key.ts';
import type { StorePlace } from './store/worker-store.ts';
import type { WorkerConfig } from './worker-config.ts';

/** What `bootWorker` takes from files. */
export interface WorkerParts {
  readonly listen: WorkerConfig['listen'];
  readonly deadlineMs: number;
  readonly wasi: WorkerConfig['wasi'];
  readonly owners: WorkerConfig['owners'];
  readonly policies: readonly OwnerPolicy[];
  readonly functions: ReadonlyMap<string, FunctionFiles>;
  readonly store: StorePlace;
  /** DER certificates. */
  readonly endorsements: readonly Uint8Array[];
  readonly egress: {
    readonly names: Readonly<Record<string, string>>;
    /** The system's roots, or only these (PEM texts). */
    readonly roots: 'system' | readonly string[];
  };
}

async function loadPolicy(path: string, files: FileSource): Promise<OwnerPolicy> {
  const text = await readTextFrom(files, path, LIMITS.policyBytes);
  return parseOwnerPolicy(text, {
    file: basename(path),
    references: files.beside(dirname(path), LIMITS.referenceBytes),
  });
}

function parseCertificate(encoded: string | Uint8Array): X509Certificate | null {
  try {
    return new X509Certificate(encoded);
  } catch {
    return null;
  }
}

async function loadCertificate(path: string, files: FileSource): Promise<Uint8Array> {
  const certificate = parseCertificate(await files.read(path, LIMITS.certificateBytes));
  if (certificate === null) throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} is not a certificate`);
  return Uint8Array.from(certificate.raw);
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Reads a PEM text of roots; one that holds no certificate would trust nobody, silently. */
async function loadRoots(path: string, files: FileSource): Promise<string> {
  const pem = await readTextFrom(files, path, LIMITS.referenceBytes);
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0 || !blocks.every((block) => parseCertificate(block) !== null)) {
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `${path} does not hold certificates in PEM`);
  }
  return pem;
}

/**
 * Loads what a configuration names from where its files are; relative paths are resolved against `folder`.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE, PolicyError
 */
export async function loadWorkerParts(config: WorkerConfig, folder: string, files: FileSource): Promise<WorkerParts> {
  const at = (path: string): string => resolve(folder, path);
  const { egress, store } = config;
  const policies = await Promise.all(config.policies.map(async (path) => await loadPolicy(at(path), files)));
  const functions = await Promise.all(
    Object.entries(config.functions).map(
      async ([name, path]) => [name, await readFunctionFiles(at(path), name, files)] as const,
    ),
  );
  return {
    listen: config.listen,
    deadlineMs: config.deadlineMs,
    wasi: config.wasi,
    owners: config.owners,
    policies,
    functions: new Map(functions),
    store: store === 'memory' ? store : { folder: at(store.folder), keySource: openFileKey(at(store.keySource.file)) },
    endorsements: await Promise.all(config.endorsements.map(async (path) => await loadCertificate(at(path), files))),
    egress: {
      names: egress.names,
      roots:
        egress.roots === 'system'
          ? 'system'
          : await Promise.all(egress.roots.map(async (path) => await loadRoots(at(path), files))),
    },
  };
}
