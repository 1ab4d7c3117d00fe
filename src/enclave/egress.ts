/**
 * The only way out for a function: every owner must allow the destination, a name is resolved once and only after that, and the connection goes
 * to the very address that was checked. Follows no redirect: a function that wants to must ask again, and is judged again.
 */
import { isIP } from 'node:net';
import type { DigestText } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import type { HttpCall, HttpClient } from '../io/http-client.ts';
import type { ResolveHost } from '../io/resolver.ts';
import type { OwnerPolicy, Position } from '../policy/policy.ts';
import type { EgressTarget } from '../policy/target.ts';
import type { AuditLog } from './audit.ts';
import type { Budget } from './budget.ts';
import { askInTurn, bareHost, findAddresses } from './destinations.ts';
import { bodyEchoes, EchoGuard, headEchoes, needlesOf } from './echo-guard.ts';
import {
  addCredentials,
  type Credential,
  findCredentials,
  leavesCredentials,
  type SecretSource,
} from './egress-credentials.ts';
import {
  decideGrant,
  type EgressGrant,
  type EgressRefusal,
  ownersOf,
  reuseKey,
  spendBytesIn,
  spendBytesOut,
  spendGrant,
} from './egress-grant.ts';
import { checkEgressHeaders, countBytes, keepAnswerHeaders } from './egress-headers.ts';
import { openPeerDoor } from './egress-peer.ts';
import { type MeteredEnd, MeteredSource } from './metered-source.ts';
import type { PeerAppraiser } from './peer-appraisal.ts';
import { type Body, isWhole, piecesOf } from './sandbox/body.ts';
import type { Egress, EgressAnswer, EgressFailure, EgressRequest, HeaderField } from './sandbox/sandbox.ts';
import { areTrailers, keepTrailers } from './sandbox/trailers.ts';
import { openStandingGrant } from './standing-grant.ts';

export interface EgressLimits {
  readonly maxRequestBytes: number;
  readonly maxAnswerHeadBytes: number;
  readonly maxAnswerBytes: number;
  readonly connectTimeoutMs: number;
  /** For one request from its connection to the last byte of its answer. */
  readonly deadlineMs: number;
  /** Requests of one function under way. */
  readonly maxConcurrent: number;
}

/** What holds unless a worker is configured otherwise. */
export const EGRESS_LIMITS: EgressLimits = {
  maxRequestBytes: LIMITS.streamBytes,
  maxAnswerHeadBytes: LIMITS.responseHeadBytes,
  maxAnswerBytes: LIMITS.streamBytes,
  connectTimeoutMs: 10_000,
  deadlineMs: 30_000,
  maxConcurrent: 64,
};

export interface EgressOptions {
  /** Gives the owners of this function as they are now; all of them must allow. None allow nothing. */
  readonly policies: () => readonly OwnerPolicy[];
  readonly functionDigest: DigestText;
  readonly client: HttpClient;
  readonly resolve: ResolveHost;
  /** Judges the workers at `enclave://` destinations. */
  readonly appraiser: PeerAppraiser;
  /** Names with a fixed address, which may be any address; the lockdown claims spell them out. */
  readonly fixedNames: Readonly<Record<string, string>>;
  readonly audit: AuditLog;
  readonly budget: Budget;
  /** Where the secrets of `credential` come from. */
  readonly secrets: SecretSource;
  readonly limits: EgressLimits;
  readonly now: () => Date;
}

/** How the log names the end of an answer that was passed on as it came. */
const REASONS: Readonly<Record<MeteredEnd, string>> = {
  ended: 'ok',
  broken: 'HTTP-response-incomplete',
  exceeded: 'HTTP-response-body-size',
  unwanted: 'connection-terminated',
};

/** How the log names an answer that shows the credential of its request. */
const ECHO = 'ERR_POLICY_DENIED_EGRESS: the answer shows the credential';

/** What `HTTP/1.1`, blanks, line ends and the name of the Host header take. */
const START_LINE_BYTES = 20;

/** Writes where a request goes as the Host header and the log say it: no path, no port that goes without saying. */
function originOf({ scheme, host, port }: EgressTarget): { readonly origin: string; readonly authority: string } {
  // Another worker is reached over TLS, on the port that goes without saying there.
  const { host: authority } = new URL(`${scheme === 'enclave' ? 'https' : scheme}://${host}:${port}`);
  return { origin: `${scheme}://${authority}`, authority };
}

/** Gives the bytes of a body that is whole; those of another are counted as they go by. */
const wholeBytes = (body: Body): number => (body instanceof Uint8Array ? body.length : 0);

/**
 * Opens the way out of one function.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE when a fixed name does not have a literal address
 */
export function openEgress(options: EgressOptions): Egress {
  const { policies, functionDigest, client, audit, budget, limits, fixedNames } = options;
  const misnamed = Object.entries(fixedNames).find(([, address]) => isIP(address) === 0);
  if (misnamed !== undefined) {
    throw new ConfigurationError(
      'ERR_CONFIGURATION_FILE',
      `egress name ${misnamed[0]}: ${misnamed[1]} is not an address`,
    );
  }
  let underWay = 0;

  function write(
    outcome: 'allow' | 'deny',
    entry: { readonly owner: string; readonly at: Position; readonly target: string; readonly reason: string },
    bytes: { readonly bytesIn: number; readonly bytesOut: number },
  ): void {
    const { owner, at, target, reason } = entry;
    const rule = `${at.file}:${at.line}`;
    const time = options.now();
    const fields = { caller: null, function: functionDigest, target, reason, ...bytes };
    audit.append({ time, kind: 'egress', outcome, owner, rule, ...fields });
  }

  function writeDenial(refusal: EgressRefusal, target: string): EgressFailure {
    write('deny', { ...refusal, target }, { bytesIn: 0, bytesOut: 0 });
    return { error: refusal.error };
  }

  /** Meters what a function sends as it comes: every piece is taken from the owners' limits before it leaves. */
  function meterRequest(
    { body }: EgressRequest,
    { grant, isStillAllowed }: { readonly grant: EgressGrant; readonly isStillAllowed: () => boolean },
    authority: string,
    credentials: readonly Credential[],
  ): { sent: HttpCall['body']; meter: MeteredSource | null } {
    if (isWhole(body)) return { sent: body, meter: null };
    const meter = new MeteredSource(body.source, {
      maxBytes: Math.min(limits.maxRequestBytes, body.length ?? limits.maxRequestBytes),
      onBytes: (bytes) => isStillAllowed() && spendBytesOut(budget, grant, bytes, options.now()),
      // What may not be a header of a request may not come after it either.
      onTrailers: (trailers) =>
        areTrailers(trailers) &&
        leavesCredentials(trailers, credentials) &&
        'headers' in checkEgressHeaders(trailers, { authority, bodyBytes: null })
          ? trailers
          : null,
      onEnd: () => true,
    });
    const pieces = piecesOf(meter, LIMITS.pieceBytes);
    return { sent: { pieces, length: body.length, trailers: () => meter.trailers }, meter };
  }

  /** Carries out what all owners allow, and calls `done` when nothing of it is under way; what still stops it before the connection is a denial in the log. */
  async function carryOut(
    request: EgressRequest,
    grant: EgressGrant,
    ended: AbortSignal,
    done: () => void,
  ): Promise<EgressAnswer> {
    const { method, body } = request;
    const { host, scheme, port, path } = grant.target;
    const { origin, authority } = originOf(grant.target);
    const target = `${method} ${origin}`;
    const refuse = (error: string, reason: string): EgressFailure =>
      writeDenial({ error, reason, owner: grant.first.owner, at: grant.first.rule.at }, target);
    if (underWay > limits.maxConcurrent) return refuse('connection-limit-reached', 'connection-limit-reached');
    if ((body.length ?? 0) > limits.maxRequestBytes) return refuse('HTTP-request-body-size', 'HTTP-request-body-size');
    const checked = checkEgressHeaders(request.headers, { authority, bodyBytes: body.length });
    if ('flaw' in checked) return refuse('HTTP-request-denied', `ERR_POLICY_REQUEST: ${checked.flaw}`);
    const credentials = findCredentials(grant, options.secrets);
    if ('reason' in credentials) return writeDenial(credentials, target);
    const completed = addCredentials(checked.headers, credentials);
    if ('flaw' in completed) return refuse('HTTP-request-denied', `ERR_POLICY_REQUEST: ${completed.flaw}`);
    const { headers } = completed;
    const startLine = method.length + path.length + authority.length + START_LINE_BYTES;
    const bytesOut = countBytes(startLine, headers, wholeBytes(body));
    const { maxAnswerBytes, maxAnswerHeadBytes: maxHeadBytes, connectTimeoutMs, deadlineMs } = limits;
    const maxBodyBytes = spendGrant(budget, grant, { bytesOut, maxAnswerBytes }, options.now());
    if (typeof maxBodyBytes !== 'number') return writeDenial(maxBodyBytes, target);
    const isStillAllowed = openStandingGrant(
      policies,
      (current) => !('error' in decideGrant(current, functionDigest, request, options.now())),
    );
    const peer = openPeerDoor(options.appraiser, grant, authority, connectTimeoutMs);
    const addresses = await findAddresses(options, host);
    if ('error' in addresses) return refuse(addresses.error, addresses.error);
    if (!isStillAllowed()) return refuse('HTTP-request-denied', 'ERR_POLICY_DENIED_EGRESS');
    const name = bareHost(host);
    const pins = ownersOf(grant).flatMap(({ rule }) => (rule.pin === null ? [] : [rule.pin]));
    const { vouchedBy } = peer;
    const tls: HttpCall['tls'] = scheme === 'http' ? 'plain' : { name, isAddress: isIP(name) !== 0, pins, vouchedBy };
    const { sent, meter } = meterRequest(request, { grant, isStillAllowed }, authority, credentials);
    // Answers that come in together share what is left, so all that comes is taken before it goes on.
    const spendIn = (bytes: number): boolean => spendBytesIn(budget, grant, bytes, options.now()) && isStillAllowed();
    let headBytes = 0;
    const onHead = (fields: readonly HeaderField[]): boolean => {
      headBytes = countBytes(START_LINE_BYTES, fields, 0);
      return spendIn(headBytes);
    };
    const times = { connectTimeoutMs, deadlineMs, ended };
    const call = {
      port,
      tls,
      authority,
      method,
      path,
      headers,
      body: sent,
      maxHeadBytes,
      maxBodyBytes,
      meter: { onHead, onPiece: spendIn },
      reuse: { key: reuseKey(grant, functionDigest) },
      ...times,
    };
    const needles = needlesOf(credentials);
    const answer = await askInTurn(addresses, (address) => client.open({ ...call, address }, LIMITS.windowBytes));
    const record = (reason: string, bytesIn: number, isSent: boolean): void => {
      const bytes = { bytesIn, bytesOut: isSent ? bytesOut + (meter?.bytes ?? 0) : 0 };
      for (const { owner, rule } of ownersOf(grant)) write('allow', { owner, at: rule.at, target, reason }, bytes);
    };
    if ('failure' in answer) {
      if (peer.refusal !== null) return writeDenial({ error: answer.failure, ...peer.refusal }, target);
      const failure = meter?.end === 'exceeded' ? 'HTTP-request-body-size' : answer.failure;
      record(failure, headBytes + answer.bytesIn, answer.sent);
      return { error: failure };
    }
    const { status } = answer;
    const kept = keepAnswerHeaders(answer.headers);
    if (headEchoes(answer.headers, needles) || (isWhole(answer.body) && bodyEchoes(answer.body, needles))) {
      const bytesIn = isWhole(answer.body) ? answer.body.length : 0;
      if (!isWhole(answer.body)) answer.body.source.cancel();
      record(ECHO, headBytes + bytesIn, true);
      return { error: 'HTTP-response-incomplete' };
    }
    if (answer.body instanceof Uint8Array) {
      record('ok', headBytes + answer.body.length, true);
      return { status, headers: kept, body: answer.body };
    }
    const { source, length } = answer.body;
    try {
      record('begun', headBytes, true);
    } catch (error) {
      source.cancel();
      throw error;
    }
    const guard = new EchoGuard(source, needles);
    const metered = new MeteredSource(needles.length === 0 ? source : guard, {
      maxBytes: Math.min(maxBodyBytes, length ?? maxBodyBytes),
      onBytes: spendIn,
      onTrailers: keepTrailers,
      onEnd: (end) => {
        done();
        try {
          record(guard.isEcho ? ECHO : REASONS[end], headBytes + metered.bytes, true);
        } catch {
          // What cannot be written down is not complete.
          return false;
        }
        return true;
      },
    });
    return { status, headers: kept, body: { source: metered, length } };
  }

  async function ask(request: EgressRequest, ended: AbortSignal): Promise<EgressAnswer> {
    const grant = decideGrant(policies(), functionDigest, request, options.now());
    if ('error' in grant) return writeDenial(grant, `${request.method} ${request.scheme}://${request.authority}`);
    underWay += 1;
    const done = (): void => {
      underWay -= 1;
    };
    let isStreamed = false;
    try {
      const answer = await carryOut(request, grant, ended, done);
      isStreamed = !('error' in answer) && !isWhole(answer.body);
      return answer;
    } finally {
      if (!isStreamed) done();
    }
  }

  // A decision that cannot be written down is no permission: the function gets no answer then.
  return (request, ended) => ask(request, ended).catch(() => ({ error: 'internal-error' }));
}
