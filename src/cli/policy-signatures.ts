/** The signatures in `F.sig` beside a policy, as the commands read them: those of exactly this policy, and who made them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { PolicyError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { parseSignatureFile, type SignatureFile } from '../policy/signing/signature-file.ts';
import { type PolicyStatement, statePolicy } from '../policy/signing/statement.ts';
import { findSigners, formatOwnerKey } from '../policy/signing/threshold.ts';
import type { CliIo } from './command.ts';

/** Tells whether two statements are about the same policy. */
export function isSameStatement(a: PolicyStatement, b: PolicyStatement): boolean {
  return a.owner === b.owner && a.version === b.version && a.digest === b.digest;
}

/**
 * Reads the signatures beside a policy; null when there are none.
 * @throws PolicyError ERR_POLICY_STATEMENT, ConfigurationError ERR_CONFIGURATION_FILE
 */
export async function readSignatureFile(path: string, io: CliIo): Promise<SignatureFile | null> {
  const at = resolve(io.cwd, path);
  return existsSync(at) ? parseSignatureFile(await readTextFile(at, LIMITS.signatureFileBytes)) : null;
}

/**
 * Reads the signatures of exactly this policy; none when there is no file.
 * @throws PolicyError ERR_POLICY_STATEMENT when they are of another one
 */
export async function readSignaturesOf(policy: OwnerPolicy, path: string, io: CliIo): Promise<readonly string[]> {
  const file = await readSignatureFile(path, io);
  if (file === null || isSameStatement(file.statement, statePolicy(policy))) return file?.signatures ?? [];
  const { owner, version, digest } = file.statement;
  const message = `${path} signs version ${version} of ${owner} (${digest}), which is not this file`;
  throw new PolicyError('ERR_POLICY_STATEMENT', message);
}

/** What is known of the signatures beside a policy. */
export interface SignatureReport {
  readonly signedBy: readonly string[];
  readonly needed: number;
  readonly of: number;
  /** Whether they are for another policy, and so for nothing. */
  readonly stale: boolean;
}

/** Says which keys of the policy's own section `changes` signed it; a worker asks for those of the version in force. null without a file. */
export async function reportSignatures(policy: OwnerPolicy, path: string, io: CliIo): Promise<SignatureReport | null> {
  const file = await readSignatureFile(path, io);
  if (file === null) return null;
  const stale = !isSameStatement(file.statement, statePolicy(policy));
  const { keys, needed } = policy.changes ?? { keys: [], needed: 0 };
  const signers = stale ? [] : await findSigners(file.statement, file.signatures, keys);
  return { signedBy: signers.map(formatOwnerKey), needed, of: keys.length, stale };
}
