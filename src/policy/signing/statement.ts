/**
 * What owners sign: that a policy is theirs, or that one worker is to do something for them. Reads statements and holds them against the
 * worker and the clock; whose signatures count is in threshold.ts.
 */
import { hexOf, integer, object, oneOf, type Reader, text } from '../../attestation/json-reader.ts';
import { encodeHex } from '../../base/bytes.ts';
import { type DigestText, parseDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseInstant } from '../../base/time.ts';
import { PolicyError } from '../../errors.ts';
import { parseName } from '../words.ts';
import { readInForm } from './in-form.ts';

const FORMAT = 'anchorhold-statement/1';

/** Says that this digest is an owner's policy of this version; it holds for every worker, so that it is signed once. */
export type PolicyStatement = {
  readonly anchorhold: typeof FORMAT;
  readonly kind: 'policy';
  readonly owner: string;
  readonly version: number;
  readonly digest: DigestText;
};

export type WorkerStatementKind = 'revoke' | 'data' | 'secret' | 'forget';

/** Says what one run of one worker is to do, within a few minutes: it counts nowhere else and never later. */
export type WorkerStatement = {
  readonly anchorhold: typeof FORMAT;
  readonly kind: WorkerStatementKind;
  readonly owner: string;
  /** The run of the worker, as its claims name it: 16 bytes in hex. */
  readonly instance: string;
  /** What it is about, as the policy names it; `policy` for a policy that is taken back. */
  readonly name: string;
  /** SHA-256 of what it is about: the content that is put or forgotten, the policy that is taken back. */
  readonly digest: DigestText;
  /** Bytes of that content; 0 where none comes along. */
  readonly size: number;
  /** RFC 3339; `issued` belongs to its time, `expires` no more. */
  readonly issued: string;
  readonly expires: string;
};

/** How long a statement for a worker may count, and how far ahead the signer's clock may be. */
const MAX_LIFETIME_MS = 600_000;
const MAX_SKEW_MS = 30_000;

const INSTANCE_BYTES = 16;

const name = text('a name of lower-case letters, digits and inner hyphens', (value) => parseName(value).ok);
const digest = text('sha256: and 64 hex digits', (value) => parseDigest(value) !== null) as Reader<DigestText>;
const instant = text('a time such as 2026-11-01T08:00:00Z', (value) => parseInstant(value) !== null);

const policyStatement: Reader<PolicyStatement> = object({
  anchorhold: oneOf(FORMAT),
  kind: oneOf('policy'),
  owner: name,
  version: integer(1, 999_999_999_999_999),
  digest,
});

const workerStatement: Reader<WorkerStatement> = object({
  anchorhold: oneOf(FORMAT),
  kind: oneOf('revoke', 'data', 'secret', 'forget'),
  owner: name,
  instance: hexOf(INSTANCE_BYTES),
  name,
  digest,
  size: integer(0, LIMITS.streamBytes),
  issued: instant,
  expires: instant,
});

const UNCOUNTED = 'the statement does not count';

function refuse(why: string): PolicyError {
  return new PolicyError('ERR_POLICY_STATEMENT', `${UNCOUNTED}: ${why}`);
}

/**
 * Reads a statement about a policy from parsed JSON.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readPolicyStatement(value: unknown): PolicyStatement {
  return readInForm(UNCOUNTED, () => policyStatement(value, 'statement'));
}

/**
 * Reads a statement for a worker from parsed JSON; whether it is for this worker and now, `checkWorkerStatement` says.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function readWorkerStatement(value: unknown): WorkerStatement {
  return readInForm(UNCOUNTED, () => workerStatement(value, 'statement'));
}

/** Makes the statement that an owner signs for a policy. */
export function statePolicy(policy: Pick<PolicyStatement, 'owner' | 'version' | 'digest'>): PolicyStatement {
  const { owner, version, digest } = policy;
  return { anchorhold: FORMAT, kind: 'policy', owner, version, digest };
}

/** Makes a statement for one worker that counts for five minutes from `now`. */
export function stateForWorker(
  about: Pick<WorkerStatement, 'kind' | 'owner' | 'name' | 'digest' | 'size'>,
  instance: Uint8Array,
  now: Date,
): WorkerStatement {
  const { kind, owner, name, digest, size } = about;
  const issued = now.toISOString();
  const expires = new Date(now.getTime() + MAX_LIFETIME_MS / 2).toISOString();
  return { anchorhold: FORMAT, kind, owner, instance: encodeHex(instance), name, digest, size, issued, expires };
}

/**
 * Holds a statement against the worker that got it and the clock.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function checkWorkerStatement(
  statement: WorkerStatement,
  worker: { readonly instance: Uint8Array; readonly now: Date },
): void {
  if (statement.instance !== encodeHex(worker.instance))
    throw refuse('it is for another worker, or for an earlier run');
  const issued = parseInstant(statement.issued)?.getTime() ?? Number.NaN;
  const expires = parseInstant(statement.expires)?.getTime() ?? Number.NaN;
  const now = worker.now.getTime();
  // Written so that a time that is none meets no window.
  if (!(issued <= now + MAX_SKEW_MS)) throw refuse(`it is of a later time (${statement.issued})`);
  if (!(now < expires)) throw refuse(`it expired at ${statement.expires}`);
  if (!(expires > issued && expires - issued <= MAX_LIFETIME_MS))
    throw refuse(`it must expire within ${MAX_LIFETIME_MS / 1000} seconds after it was issued`);
}
