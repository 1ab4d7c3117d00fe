/**
 * What an owner sends to a worker: one JSON envelope with a statement, its signatures and what the statement is about. The same for who writes and
 * who reads it. Whether it is done is the worker's decision.
 */
import { mapOf, object, oneOf, type Reader, readJson, refuseValue, text } from '../../attestation/json-reader.ts';
import { readSignatures } from '../../attestation/signature-list.ts';
import { encodeBase64, parseBase64 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { PolicyError } from '../../errors.ts';
import { readInForm } from './in-form.ts';
import { type PolicyStatement, readPolicyStatement, readWorkerStatement, type WorkerStatement } from './statement.ts';

/** Where owners ask a worker for something. */
export const OWNER_PATH = '/.well-known/anchorhold/owner';
/** Where a worker shows the policies in force. */
export const POLICIES_PATH = '/.well-known/anchorhold/policies';

/** Where the sealed content follows that an owner's statement announced. */
export const CONTENT_PATH = '/.well-known/anchorhold/content';
/** Where a worker shows which data and secrets it holds. */
export const HELD_PATH = '/.well-known/anchorhold/held';

const FORMAT = 'owner-request/1';

/** A policy as its owner wrote it, with the files that it refers to by the names that stand in it. */
export interface PolicySource {
  /** The name that decisions and logs give it. */
  readonly file: string;
  readonly source: string;
  readonly references: Readonly<Record<string, Uint8Array>>;
}

/** Asks for another policy of the owner. */
export interface PolicyRequest {
  readonly kind: 'policy';
  readonly statement: PolicyStatement;
  readonly signatures: readonly string[];
  readonly policy: PolicySource;
}

/** Asks one worker to do something; `payload` is empty where nothing comes along. */
export interface WorkerRequest {
  readonly kind: WorkerStatement['kind'];
  readonly statement: WorkerStatement;
  readonly signatures: readonly string[];
  readonly payload: Uint8Array;
}

export type OwnerRequest = PolicyRequest | WorkerRequest;

const MAX_REFERENCES = 64;

const fileName = text(
  'the plain name of a file',
  (value) => value.length <= 128 && /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(value),
);
const base64: Reader<Uint8Array> = (value, path) => {
  const bytes = typeof value === 'string' ? parseBase64(value) : null;
  if (bytes === null) throw refuseValue(path, 'bytes in base64', value);
  return bytes;
};

const policySource: Reader<PolicySource> = object({
  file: fileName,
  source: text('the text of a policy', () => true),
  references: mapOf(base64),
});

const policyRequest = object({
  anchorhold: oneOf(FORMAT),
  kind: oneOf('policy'),
  statement: (value: unknown): PolicyStatement => readPolicyStatement(value),
  signatures: readSignatures,
  policy: policySource,
});

const workerRequest = object({
  anchorhold: oneOf(FORMAT),
  kind: oneOf('revoke', 'data', 'secret', 'forget'),
  statement: (value: unknown): WorkerStatement => readWorkerStatement(value),
  signatures: readSignatures,
  payload: base64,
});

const UNREADABLE = 'the request of an owner cannot be read';

function refuse(why: string): PolicyError {
  return new PolicyError('ERR_POLICY_STATEMENT', `${UNREADABLE}: ${why}`);
}

const anyRequest: Reader<OwnerRequest> = (value, path) => {
  const kind: unknown = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  if (kind === 'policy') {
    const { statement, signatures, policy } = policyRequest(value, path);
    if (Object.keys(policy.references).length > MAX_REFERENCES) throw refuse(`over ${MAX_REFERENCES} references`);
    return { kind, statement, signatures, policy };
  }
  const { statement, signatures, payload, kind: read } = workerRequest(value, path);
  if (statement.kind !== read) throw refuse('its kind is not that of its statement');
  return { kind: read, statement, signatures, payload };
};

/**
 * Parses an envelope.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function parseOwnerRequest(content: string): OwnerRequest {
  return readInForm(UNREADABLE, () => readJson(content, LIMITS.ownerRequestBytes, 'the request', anyRequest));
}

/** Writes an envelope. */
export function formatOwnerRequest(request: OwnerRequest): string {
  const { kind, statement, signatures } = request;
  const head = { anchorhold: FORMAT, kind, statement, signatures };
  if (request.kind !== 'policy') return JSON.stringify({ ...head, payload: encodeBase64(request.payload) });
  const { file, source, references } = request.policy;
  const encoded = Object.fromEntries(Object.entries(references).map(([name, bytes]) => [name, encodeBase64(bytes)]));
  return JSON.stringify({ ...head, policy: { file, source, references: encoded } });
}
