/**
 * Appraises the worker at the other end of one connection: the report as in report-appraisal.ts, and the questions only a session has:
 * is it fresh and about this channel, are these the functions, the owners' policies and the lockdown that the client demands.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import { encodeHex, equalBytes } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import type { InvalidEnclaveCodeCode, NotAnEnclaveCode, NotIsolatedEnclaveCode } from '../error-table.ts';
import { InvalidEnclaveCodeError, NotAnEnclaveError, NotIsolatedEnclaveError } from '../errors.ts';
import { concludeAppraisal, makeCheck } from './checks.ts';
import { type Claims, parseClaims, type Role, reportDataOf } from './claims.ts';
import { type Evidence, parseEvidence } from './evidence.ts';
import { freshnessLeaf, isFresh } from './freshness.ts';
import { appraise, checkMeasurement, checkReportData } from './report-appraisal.ts';
import type { TrustFile } from './trust-file.ts';

/** What the client knows of its own connection: nothing of it comes from the other end's word. */
export interface Channel {
  readonly role: Role;
  /** 32 random bytes that the client sent on this connection. */
  readonly nonce: Uint8Array;
  /** 32 bytes from the client's own TLS exporter. */
  readonly value: Uint8Array;
  /** SHA-256 of the SPKI that the peer proved to hold in the handshake. */
  readonly peerSpkiDigest: Uint8Array;
}

/** Writes a map of names and values for a check, sorted, so that the same content is the same text. */
function list(entries: Readonly<Record<string, string>>): string {
  const names = Object.keys(entries).sort();
  return names.map((name) => `${name}=${entries[name]}`).join(', ') || 'none';
}

function digests(entries: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).map(([name, digest]) => [name, formatDigest(digest)]));
}

/** Keeps the entries whose names are demanded. */
function only(
  entries: Readonly<Record<string, string>>,
  demanded: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(entries).filter(([name]) => Object.hasOwn(demanded, name)));
}

/** Tells whether every demanded entry is there with exactly this value. */
function holdsAll(entries: Readonly<Record<string, string>>, demanded: Readonly<Record<string, string>>): boolean {
  return Object.entries(demanded).every(([name, value]) => Object.hasOwn(entries, name) && entries[name] === value);
}

function checkFreshness(claims: Claims, evidence: Evidence, channel: Channel): Check {
  const leaf = freshnessLeaf(channel.role, channel.nonce, channel.value);
  const fresh = claims.role === channel.role && isFresh(leaf, evidence, claims.freshness);
  const expected = 'my nonce and my connection under the freshness root';
  return makeCheck('channel-freshness', fresh, expected, fresh ? 'so' : 'another nonce or another connection');
}

function checkTlsKey(claims: Claims, channel: Channel): Check {
  const met = equalBytes(claims.tls, channel.peerSpkiDigest);
  return makeCheck('channel-tls-key', met, encodeHex(channel.peerSpkiDigest), encodeHex(claims.tls));
}

/** Checks that every function the client demands is among the claims with its digest. */
export function checkFunctions(claims: Claims, trust: TrustFile): Check {
  const demanded = trust.code.functions;
  const actual = digests(claims.functions);
  return makeCheck('code-functions', holdsAll(actual, demanded), list(demanded), list(only(actual, demanded)));
}

/** Checks the owner policies in force; an owner whom the client does not list is refused unless the trust file says that others may be there. */
export function checkOwnerPolicies(claims: Claims, trust: TrustFile): Check {
  const { policies: demanded, others } = trust.isolation;
  const actual = digests(claims.policies);
  const stranger = others === 'any' ? undefined : Object.keys(actual).find((owner) => !Object.hasOwn(demanded, owner));
  const met = stranger === undefined && holdsAll(actual, demanded);
  return makeCheck(
    'owner-policies',
    met,
    `${list(demanded)}${others === 'any' ? ' and any others' : ''}`,
    list(actual),
  );
}

/** Checks that the lockdown claims that the client demands have exactly these values. */
export function checkLockdown(claims: Claims, trust: TrustFile): Check {
  const demanded = trust.isolation.lockdown;
  return makeCheck(
    'lockdown',
    holdsAll(claims.lockdown, demanded),
    list(demanded),
    list(only(claims.lockdown, demanded)),
  );
}

/** Appraises what a worker answered to the nonce; `encoded` is null when it answered with something else than evidence. */
export async function appraiseSession(
  encoded: Uint8Array | null,
  channel: Channel,
  trust: TrustFile,
  now: Date,
): Promise<Appraisal> {
  const refuse = (check: Check): Appraisal => concludeAppraisal([check], null, trust.roots !== 'amd');
  if (encoded === null) {
    return refuse(makeCheck('evidence-present', false, 'an evidence bundle', 'something else'));
  }
  const evidence = parseEvidence(encoded);
  if ('problem' in evidence) {
    return refuse(makeCheck('evidence-form', false, 'an evidence bundle', evidence.problem));
  }
  const claims = parseClaims(evidence.value.claims);
  if ('problem' in claims) {
    return refuse(makeCheck('claims-form', false, 'claims of profile anchorhold/1', claims.problem));
  }
  const said = claims.value;
  return await appraise(
    evidence.value,
    trust.machine,
    trust.roots,
    {
      parse: () => [
        makeCheck('evidence-present', true, 'an evidence bundle', 'so'),
        makeCheck('evidence-form', true, 'an evidence bundle', 'so'),
        makeCheck('claims-form', true, 'claims of profile anchorhold/1', 'so'),
      ],
      channel: (report) => [
        checkReportData(report, reportDataOf(evidence.value.claims)),
        checkFreshness(said, evidence.value, channel),
        checkTlsKey(said, channel),
      ],
      code: (report) => [checkMeasurement(report, trust.code.measurements), checkFunctions(said, trust)],
      isolation: () => [checkOwnerPolicies(said, trust), checkLockdown(said, trust)],
    },
    now,
  );
}

/**
 * Throws the verdict of an appraisal unless it accepts.
 * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError with the appraisal
 */
export function refuseUnlessAccepted(appraisal: Appraisal): void {
  const { verdict, error, code, stage, checks } = appraisal;
  if (verdict === 'accept') return;
  const failed = checks.find((check) => check.stage === stage && check.outcome === 'fail');
  const message = `${failed?.id ?? stage}: expected ${failed?.expected ?? 'a pass'}, found ${failed?.actual ?? 'none'}`;
  if (error === 'InvalidEnclaveCodeError')
    throw new InvalidEnclaveCodeError(code as InvalidEnclaveCodeCode, message, appraisal);
  if (error === 'NotIsolatedEnclaveError')
    throw new NotIsolatedEnclaveError(code as NotIsolatedEnclaveCode, message, appraisal);
  throw new NotAnEnclaveError(code as NotAnEnclaveCode, message, appraisal);
}
