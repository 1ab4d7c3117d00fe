/**
 * The door of owners: one envelope in, one signed notice out. Authority comes from the signatures in the envelope alone, judged by the policy in
 * force; who holds the connection means nothing. Every request is written down, never what it carried.
 */
import { encodeUtf8, parseUtf8 } from '../../base/bytes.ts';
import { encodeCanonicalJson } from '../../base/canonical-json.ts';
import { type DigestText, formatDigest, sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { EnclaveError, PolicyError, TransportError } from '../../errors.ts';
import { parseOwnerPolicy } from '../../policy/parse.ts';
import type { OwnerPolicy } from '../../policy/policy.ts';
import type { NoticeContent } from '../../policy/signing/notice.ts';
import {
  type OwnerRequest,
  type PolicySource,
  parseOwnerRequest,
  type WorkerRequest,
} from '../../policy/signing/owner-request.ts';
import {
  checkWorkerStatement,
  type WorkerStatement,
  type WorkerStatementKind,
} from '../../policy/signing/statement.ts';
import { requireSignatures } from '../../policy/signing/threshold.ts';
import type { AuditLog } from '../audit.ts';
import { openReplayCache } from '../callers/replay-cache.ts';
import type { PolicyChanges } from '../policy-change.ts';
import type { PolicyRegister } from '../policy-register.ts';
import { problemOfError } from '../problem.ts';
import type { WholeResponse } from '../sandbox/sandbox.ts';

/** Does what an owner's statement says; its signatures, its time and that it is for this worker were checked before. */
export type StatementHandler = (statement: WorkerStatement, payload: Uint8Array) => Promise<NoticeContent>;

export interface OwnerDoorOptions {
  /** 16 bytes that name this run of the worker. */
  readonly instance: Uint8Array;
  readonly register: PolicyRegister;
  readonly changes: PolicyChanges;
  /** What this worker does besides changing policies. */
  readonly handlers: Readonly<Partial<Record<WorkerStatementKind, StatementHandler>>>;
  readonly audit: AuditLog;
  readonly signNotice: (content: NoticeContent, time: Date) => string;
  readonly now: () => Date;
}

export interface OwnerDoor {
  /** Answers one request; a refusal is an answer, too. */
  answer(request: { readonly method: string; readBody(maxBytes: number): Promise<Uint8Array> }): Promise<WholeResponse>;
}

/** Requests at the same time: each may take as much memory as an envelope. */
const MAX_REQUESTS = 4;
/** Statements are remembered until they expire, so that none counts twice. */
const MAX_STATEMENTS = 4096;

function parsePolicy({ file, source, references }: PolicySource): OwnerPolicy {
  return parseOwnerPolicy(source, {
    file,
    references: (name) => (Object.hasOwn(references, name) ? (references[name] ?? null) : null),
  });
}

function digestStatement(statement: WorkerStatement): DigestText {
  return formatDigest(sha256(encodeUtf8(encodeCanonicalJson(statement))));
}

/** Opens the door. */
export function openOwnerDoor(options: OwnerDoorOptions): OwnerDoor {
  const { instance, register, changes, audit, now } = options;
  const seen = openReplayCache({ maxNonces: MAX_STATEMENTS, maxNoncesPerKey: MAX_STATEMENTS });
  const handlers = { revoke: (statement: WorkerStatement) => changes.withdraw(statement), ...options.handlers };
  let underWay = 0;

  async function carryOutStatement({ kind, statement, signatures, payload }: WorkerRequest): Promise<NoticeContent> {
    const handler: StatementHandler | undefined = handlers[kind];
    if (handler === undefined)
      throw new PolicyError('ERR_POLICY_STATEMENT', `this worker does not know what to do with "${kind}"`);
    await requireSignatures(statement, signatures, register.changeRules(statement.owner));
    checkWorkerStatement(statement, { instance, now: now() });
    const expires = Date.parse(statement.expires) / 1000;
    const verdict = seen.admit(statement.owner, digestStatement(statement), expires, now());
    if (verdict === 'replayed') throw new PolicyError('ERR_POLICY_STATEMENT', 'this statement was carried out before');
    if (verdict === 'full') throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'too many statements of owners');
    return await handler(statement, payload);
  }

  async function carryOut(request: OwnerRequest): Promise<NoticeContent> {
    if (request.kind !== 'policy') return await carryOutStatement(request);
    const { statement, signatures, policy } = request;
    return await changes.replace(statement, signatures, () => parsePolicy(policy));
  }

  function write(request: OwnerRequest | null, bytesIn: number, reason: string): void {
    const owner = request?.statement.owner ?? '';
    const name = request === null || request.kind === 'policy' ? 'policy' : request.statement.name;
    audit.append({
      time: now(),
      kind: 'change',
      outcome: reason === 'ok' ? 'allow' : 'deny',
      owner,
      rule: '',
      caller: null,
      function: '',
      target: request === null ? 'unread' : `${request.kind} ${name}`,
      bytesIn,
      bytesOut: 0,
      reason,
    });
  }

  async function serve(body: Uint8Array): Promise<WholeResponse> {
    let request: OwnerRequest | null = null;
    try {
      const content = parseUtf8(body);
      if (content === null) throw new PolicyError('ERR_POLICY_STATEMENT', 'the request of an owner is not UTF-8');
      request = parseOwnerRequest(content);
      const done = await carryOut(request);
      write(request, body.length, 'ok');
      return {
        status: 200,
        headers: [
          ['content-type', 'application/json'],
          ['cache-control', 'no-store'],
        ],
        body: encodeUtf8(options.signNotice(done, now())),
      };
    } catch (error) {
      write(request, body.length, error instanceof EnclaveError ? error.code : 'ERR_FUNCTION_UNAVAILABLE');
      throw error;
    }
  }

  async function admit(request: Parameters<OwnerDoor['answer']>[0]): Promise<WholeResponse> {
    if (request.method !== 'POST') throw new PolicyError('ERR_POLICY_REQUEST', 'owners ask with POST');
    if (underWay >= MAX_REQUESTS) throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'other owners are being served');
    underWay += 1;
    try {
      return await serve(await request.readBody(LIMITS.ownerRequestBytes));
    } finally {
      underWay -= 1;
    }
  }

  return { answer: (request) => admit(request).catch(problemOfError) };
}
