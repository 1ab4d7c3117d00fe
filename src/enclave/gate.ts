/**
 * Every query: who is it, do all owners allow it, is there budget left, run the function, do the owners let the answer out, write it down.
 * The function's process is never touched for a refused query, and the body is not read before the rule is found.
 */
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { EnclaveError, FunctionError, PolicyError, TransportError } from '../errors.ts';
import { decideQueryForAll } from '../policy/combine.ts';
import type { Decision, OwnerPolicy } from '../policy/policy.ts';
import { countHeadBytes, judgeAnswer, reasonOfStream, streamAnswer, UNCHARGED } from './answer-release.ts';
import { type Asker, identify, showDenial } from './asker.ts';
import type { AuditLog } from './audit.ts';
import type { Budget } from './budget.ts';
import type { PresentedRequest } from './callers/caller.ts';
import { checkContentDigest } from './callers/content-digest.ts';
import type { KeySets } from './callers/key-sets.ts';
import { CallsUnderWay } from './calls-under-way.ts';
import { requestForFunction } from './function-request.ts';
import { MeteredSource } from './metered-source.ts';
import type { GatedOwner } from './policy-register.ts';
import { problemOfError } from './problem.ts';
import { takeQueryBudget } from './query-budget.ts';
import { type Body, isWhole, type StreamedBody } from './sandbox/body.ts';
import { FairSlots } from './sandbox/fair-slots.ts';
import type { Egress, FunctionResponse, LoadedFunction, WholeResponse } from './sandbox/sandbox.ts';
import type { OpenSocketEgress } from './sandbox/socket-egress.ts';

/** A function the gate may call, its way out, and the owners who list it. */
export interface GatedFunction {
  readonly digest: DigestText;
  readonly loaded: LoadedFunction;
  /** Longest time of one call, in milliseconds. */
  readonly deadlineMs: number;
  readonly egress: Egress;
  readonly sockets: OpenSocketEgress;
  /** Gives why it cannot be called yet, which costs nobody's budget; null when it can. */
  readonly waitsFor: () => FunctionError | null;
  readonly owners: readonly GatedOwner[];
}

export interface GateRequest extends PresentedRequest {
  /** Reads the body whole; it or `openBody` is called at most once, and only for an allowed query. */
  readBody(maxBytes: number): Promise<Uint8Array>;
  /** Opens the body, whole where it is small. */
  openBody(maxBytes: number): Promise<Body>;
  /** Is given what ends the query when its client is gone. */
  whenGone(end: () => void): void;
  /** Sends head and body, but not the end that makes the answer complete; false when the client is gone or too slow, or the body broke off. */
  stream(head: Pick<FunctionResponse, 'status' | 'headers'>, body: StreamedBody, withinMs: number): Promise<boolean>;
}

/** An answer to send; one that was `streamed` is sent already, and either gets its end or must not look as if it had one. */
export interface GateAnswer extends WholeResponse {
  readonly streamed?: 'complete' | 'broken';
}

export interface Gate {
  /** Answers one query; a refusal is an answer, too. */
  answer(request: GateRequest): Promise<GateAnswer>;
  /** Ends the running calls of callers whose proof this policy, which comes into force, takes back; says how many. */
  endCallsOf(policy: OwnerPolicy): number;
}

export interface GateOptions {
  /** Gives a function as it stands; the same value until a change of policy. */
  readonly functions: Pick<ReadonlyMap<string, GatedFunction>, 'get'>;
  readonly audit: AuditLog;
  readonly budget: Budget;
  /** Keys that issuers of tokens publish. */
  readonly keySets: KeySets;
  /** Queries under way at the same time. */
  readonly maxQueries: number;
  readonly now: () => Date;
}

/** Characters of an unknown function's name that are shown and written down. */
const MAX_SHOWN_NAME = 64;
/** How long a client may take, beyond its function's time, for an answer: what is left then is a window or two. */
const DRAIN_MS = 60_000;

/** Opens the gate in front of these functions. */
export function openGate(options: GateOptions): Gate {
  const { functions, audit, budget, now } = options;
  let underWay = 0;
  const slots = new FairSlots(options.maxQueries);
  const calls = new CallsUnderWay();

  /** Writes down a query that no owner was asked about, and gives its answer. */
  function refuseUnasked(name: string, method: string, refusal: EnclaveError): WholeResponse {
    audit.append({
      time: now(),
      kind: 'query',
      outcome: 'deny',
      owner: '',
      rule: '',
      caller: null,
      function: name,
      target: `${method} ${name}`,
      bytesIn: 0,
      bytesOut: 0,
      reason: refusal.code,
    });
    return problemOfError(refusal);
  }

  async function run(name: string, called: GatedFunction, request: GateRequest): Promise<GateAnswer> {
    const record = { function: called.digest, target: `${request.method} ${name}`, kind: 'query' as const };
    const bytes = { bytesIn: 0, bytesOut: 0 };
    let asker: Asker = { owners: [], caller: null };
    const note = (decision: Decision, reason: string): void => {
      const { owner, at } = decision;
      const outcome = decision.outcome;
      audit.append({
        ...record,
        ...bytes,
        time: now(),
        outcome,
        owner,
        rule: `${at.file}:${at.line}`,
        caller: asker.caller,
        reason,
      });
    };

    let identified: Awaited<ReturnType<typeof identify>>;
    try {
      identified = await identify(called.owners, request, options.keySets, now());
    } catch (error) {
      if (error instanceof EnclaveError) return refuseUnasked(name, request.method, error);
      throw error;
    }
    asker = identified;
    if (identified.denial !== null) {
      note(identified.denial, identified.denial.code ?? 'ERR_POLICY_CALLER');
      return showDenial(identified.denial, asker);
    }
    const decision = decideQueryForAll(asker.owners, {
      method: request.method,
      path: request.target,
      functionDigest: called.digest,
      now: now(),
    });
    if (decision.outcome === 'deny') {
      note(decision, decision.code ?? 'ERR_POLICY_DENIED_QUERY');
      return showDenial(decision, asker);
    }
    const waiting = called.waitsFor();
    if (waiting !== null) {
      note(decision, waiting.code);
      return problemOfError(waiting);
    }
    const caller = asker.caller === null ? '' : `${asker.caller.name} ${asker.caller.id}`;
    if (!slots.take(caller)) {
      note(decision, 'ERR_TRANSPORT_OVERLOADED');
      const why = 'this caller has its share of queries under way';
      return problemOfError(new TransportError('ERR_TRANSPORT_OVERLOADED', why));
    }
    const spent = takeQueryBudget(budget, decision, asker, now());
    if (spent !== null) {
      slots.give(caller);
      note(spent.denial, 'ERR_POLICY_DENIED_LIMIT');
      return showDenial(spent.denial, asker, spent.waitSeconds);
    }

    let reason: string = 'ok';
    let incoming: MeteredSource | null = null;
    const call = calls.begin(asker.owners.map(({ policy, proven }) => ({ owner: policy.owner, proven })));
    try {
      const body = await takeBody(request);
      if (isWhole(body)) bytes.bytesIn = body.length;
      else incoming = new MeteredSource(body.source, { ...UNCHARGED, maxBytes: LIMITS.streamBytes });
      const passed = isWhole(body) || incoming === null ? body : { source: incoming, length: body.length };
      // Its owners may have changed their minds while the body came in.
      if (functions.get(name) !== called) throw outdated();
      call.check();
      const answer = await called.loaded.call(requestForFunction(name, request, passed), {
        deadlineMs: called.deadlineMs,
        egress: called.egress,
        sockets: called.sockets,
        whenGone: (end) => {
          request.whenGone(end);
          call.whenRevoked(end);
        },
        caller,
      });
      const headers = answer.headers.filter(([header]) => !header.startsWith('anchorhold-'));
      const refusal = judgeAnswer(called.owners, { ...answer, headers });
      if (refusal !== null) {
        if (!isWhole(answer.body)) answer.body.source.cancel();
        reason = 'ERR_POLICY_DENIED_RESULT';
        return showDenial(refusal, asker);
      }
      const headBytes = countHeadBytes(headers);
      if (isWhole(answer.body)) {
        bytes.bytesOut = headBytes + answer.body.length;
        return { status: answer.status, headers, body: answer.body };
      }
      const streamed = streamAnswer(called.owners, { ...answer, headers }, answer.body);
      try {
        // What cannot be written down does not begin.
        note(decision, 'begun');
      } catch (error) {
        streamed.source.cancel();
        throw error;
      }
      const isSent = await request.stream({ status: answer.status, headers }, streamed, called.deadlineMs + DRAIN_MS);
      bytes.bytesOut = headBytes + streamed.source.bytes;
      reason = call.revoked?.code ?? reasonOfStream(streamed, isSent, request.method);
      return { status: answer.status, headers, body: NOTHING, streamed: reason === 'ok' ? 'complete' : 'broken' };
    } catch (error) {
      if (call.revoked !== null) {
        reason = call.revoked.code ?? 'ERR_POLICY_CALLER_REVOKED';
        return showDenial(call.revoked, asker);
      }
      const failure = incoming?.end === 'exceeded' ? overCap() : error;
      reason = failure instanceof EnclaveError ? failure.code : 'ERR_FUNCTION_UNAVAILABLE';
      return problemOfError(failure);
    } finally {
      calls.end(call);
      slots.give(caller);
      if (incoming !== null) bytes.bytesIn = incoming.bytes;
      note(decision, reason);
    }
  }

  async function admit(request: GateRequest): Promise<GateAnswer> {
    const name = /^\/([^/?#]*)/.exec(request.target)?.[1] ?? '';
    const shown = name.slice(0, MAX_SHOWN_NAME);
    const called = functions.get(name);
    if (called === undefined) {
      const why = `no function named ${JSON.stringify(shown)} is loaded`;
      return refuseUnasked(shown, request.method, new FunctionError('ERR_FUNCTION_UNKNOWN', why));
    }
    if (underWay >= options.maxQueries) {
      const why = `${options.maxQueries} queries are under way`;
      return refuseUnasked(name, request.method, new TransportError('ERR_TRANSPORT_OVERLOADED', why));
    }
    underWay += 1;
    try {
      return await run(name, called, request);
    } finally {
      underWay -= 1;
    }
  }

  return {
    // What cannot be written down is not answered either; that is a refusal as well.
    answer: (request) => admit(request).catch(problemOfError),
    endCallsOf: (policy) => calls.endCallsOf(policy),
  };
}

const NOTHING = new Uint8Array(0);

const outdated = (): TransportError =>
  new TransportError('ERR_TRANSPORT_OUTDATED', 'an owner changed the policy before the function was asked');

const overCap = (): PolicyError =>
  new PolicyError('ERR_POLICY_REQUEST', `the body is over the cap of ${LIMITS.streamBytes} bytes`);

/** Takes the body of a query: one that somebody vouches for is read whole and checked before the function sees any of it. */
function takeBody(request: GateRequest): Promise<Body> {
  const isVouchedFor = request.headers.some(([name]) => name === 'content-digest' || name === 'signature-input');
  return isVouchedFor ? readVouchedBody(request) : request.openBody(LIMITS.streamBytes);
}

async function readVouchedBody(request: GateRequest): Promise<Uint8Array> {
  const body = await request.readBody(LIMITS.bodyBytes);
  checkContentDigest(request.headers, body);
  return body;
}
