/**
 * Appraises an evidence bundle: the report as in report-appraisal.ts, and what the client demands of the claims under it: functions, owner
 * policies, lockdown. Whether it is fresh and about a connection is the caller's question, and must be answered.
 */
import type { Appraisal, Check } from '../appraisal.ts';
import { formatDigest } from '../base/digest.ts';
import { concludeAppraisal, makeCheck } from './checks.ts';
import { type Claims, parseClaims, reportDataOf } from './claims.ts';
import { type Evidence, parseEvidence } from './evidence.ts';
import { checkLockdown } from './lockdown.ts';
import { checkImage } from './release/accepted-images.ts';
import { appraise, checkReportData } from './report-appraisal.ts';
import type { ChainCache } from './snp/chain-cache.ts';
import type { CrlNumbers } from './snp/crl-numbers.ts';
import type { TrustFile } from './trust-file.ts';

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

/** Checks that the bundle is about this client's nonce and connection, or says for each of the two why that is not asked. */
export type ChannelQuestion = (claims: Claims, evidence: Evidence) => readonly Check[];

/** Appraises an encoded bundle; `askChannel` is asked once the report is authentic and covers the claims. */
export async function appraiseEvidence(
  encoded: Uint8Array,
  trust: TrustFile,
  askChannel: ChannelQuestion,
  now: Date,
  cache: ChainCache,
  crlNumbers: CrlNumbers,
): Promise<Appraisal> {
  const refuse = (check: Check): Appraisal => concludeAppraisal([check], null, trust.roots !== 'amd');
  const parsed = parseEvidence(encoded);
  if ('problem' in parsed) return refuse(makeCheck('evidence-form', false, 'an evidence bundle', parsed.problem));
  const evidence = parsed.value;
  const said = parseClaims(evidence.claims);
  if ('problem' in said) return refuse(makeCheck('claims-form', false, 'claims of profile anchorhold/1', said.problem));
  const claims = said.value;
  return await appraise(
    evidence,
    trust.machine,
    trust.roots,
    {
      parse: () => [
        makeCheck('evidence-present', true, 'an evidence bundle', 'so'),
        makeCheck('evidence-form', true, 'an evidence bundle', 'so'),
        makeCheck('claims-form', true, 'claims of profile anchorhold/1', 'so'),
      ],
      channel: (report) => [checkReportData(report, reportDataOf(evidence.claims)), ...askChannel(claims, evidence)],
      code: (report) => [...checkImage(report, trust.code.measurements, now), checkFunctions(claims, trust)],
      isolation: () => [checkOwnerPolicies(claims, trust), ...checkLockdown(claims.lockdown, trust.isolation.lockdown)],
    },
    now,
    cache,
    crlNumbers,
  );
}
