/**
 * The revocation list of a product line's root: it names revoked intermediates. VEKs all have serial 0, so a list cannot name one;
 * TCB floors do that work. A list that is there and checked must be good in every respect. [RFC 5280 5, 6.3.3]
 */
import type { Check } from '../../appraisal.ts';
import { encodeHex, equalBytes } from '../../base/bytes.ts';
import type { CheckId } from '../check-table.ts';
import { makeCheck, skipCheck } from '../checks.ts';
import type { Machine } from '../requirements.ts';
import type { ChainCache } from './chain-cache.ts';
import type { CrlNumbers, CrlSeries } from './crl-numbers.ts';
import { parseKeyUsage, type X509Crl } from './der.ts';
import { X509_OID } from './oids.ts';
import type { Path } from './path.ts';
import { isAmdSignatureAlgorithm } from './signature.ts';
import { vekKind } from './vek.ts';

const REST: readonly CheckId[] = ['crl-issuer', 'crl-signature', 'crl-dates', 'crl-extensions', 'crl-revoked'];

/** Extensions of a complete list: authority key identifier and number. */
const UNDERSTOOD: readonly string[] = [X509_OID.authorityKeyIdentifier, X509_OID.crlNumber];

/** Makes the checks on revocation that `machine.revocation` demands. */
export async function checkRevocation(
  crl: X509Crl | null,
  path: Path,
  demand: Machine['revocation'],
  now: Date,
  cache: ChainCache,
): Promise<readonly Check[]> {
  const skipped = (actual: string): readonly Check[] => REST.map((id) => skipCheck(id, demand, actual));
  const found = crl === null ? 'none' : 'a list';
  if (demand === 'off') return [skipCheck('crl-present', demand, found), ...skipped('off')];
  if (crl === null) {
    if (demand === 'if-present') return [skipCheck('crl-present', demand, found), ...skipped(found)];
    return [makeCheck('crl-present', false, demand, found), ...skipped(found)];
  }
  return [
    makeCheck('crl-present', true, demand, found),
    checkIssuer(crl, path),
    await checkSignature(crl, path, cache),
    checkDates(crl, now),
    checkExtensions(crl),
    checkSerials(crl, path),
  ];
}

function checkIssuer(crl: X509Crl, { ark }: Path): Check {
  const usage = ark.extensions.find((e) => e.oid === X509_OID.keyUsage);
  const may = usage !== undefined && parseKeyUsage(usage.value)?.crlSign === true;
  const met = may && equalBytes(crl.issuer.der, ark.subject.der);
  const note = may ? '' : ' (whose root may not sign revocation lists)';
  return makeCheck('crl-issuer', met, ark.subject.commonName, `${crl.issuer.commonName}${note}`);
}

async function checkSignature(crl: X509Crl, { ark }: Path, cache: ChainCache): Promise<Check> {
  const algorithm = isAmdSignatureAlgorithm(crl.outerAlgorithm) && equalBytes(crl.outerAlgorithm, crl.innerAlgorithm);
  const met = algorithm && (await cache.isSignedBy(crl, ark));
  const actual = algorithm ? 'does not verify' : 'another algorithm';
  return makeCheck('crl-signature', met, `signed by ${ark.subject.commonName}`, met ? 'verifies' : actual);
}

function checkDates(crl: X509Crl, now: Date): Check {
  const met = crl.nextUpdate !== null && now >= crl.thisUpdate && now <= crl.nextUpdate;
  const time = Number.isNaN(now.getTime()) ? 'no valid time' : now.toISOString();
  const until = crl.nextUpdate?.toISOString() ?? 'no end';
  return makeCheck('crl-dates', met, `valid at ${time}`, `${crl.thisUpdate.toISOString()} to ${until}`);
}

function checkExtensions(crl: X509Crl): Check {
  const oids = crl.extensions.map((e) => e.oid);
  const problems = [
    ...(crl.version === 2 ? [] : [`version is ${crl.version}`]),
    ...oids.filter((oid, i) => oids.indexOf(oid) !== i).map((oid) => `${oid} is there twice`),
    ...crl.extensions
      .filter((e) => e.critical && !UNDERSTOOD.includes(e.oid))
      .map((e) => `${e.oid} is critical and unknown`),
    // A delta lists changes only, so a serial that is not in it may still be revoked; marked critical or not.
    ...(oids.includes(X509_OID.deltaCrlIndicator) ? ['it is a delta'] : []),
    ...crl.revoked.flatMap((r) => r.criticalExtensions).map((oid) => `${oid} of an entry is critical and unknown`),
  ];
  return makeCheck(
    'crl-extensions',
    problems.length === 0,
    'v2, complete, nothing unknown',
    problems.join('; ') || 'so',
  );
}

function checkSerials(crl: X509Crl, { ask, ark }: Path): Check {
  const revoked = [ask, ark].filter((c) => crl.revoked.some((r) => r.serial === c.serial));
  const serial = `0x${ask.serial.toString(16)}`;
  const actual = revoked.map((c) => `${c.subject.commonName} is revoked`).join('; ') || 'not named';
  return makeCheck(
    'crl-revoked',
    revoked.length === 0,
    `${ask.subject.commonName} (serial ${serial}) not named`,
    actual,
  );
}

/** Longest CRL number that a verifier has to read, in octets. [RFC 5280 5.2.3] */
const MAX_NUMBER_OCTETS = 20;

/** Reads a CRL number: a non-negative INTEGER in its one DER form; gives null for all else. [RFC 5280 5.2.3] */
export function parseCrlNumber(value: Uint8Array): bigint | null {
  const [tag, size = 0, first = 0x80, second = 0x80] = value;
  if (tag !== 0x02 || size === 0 || size > MAX_NUMBER_OCTETS || value.length !== 2 + size) return null;
  const padded = size > 1 && first === 0 && second < 0x80;
  return first >= 0x80 || padded ? null : BigInt(`0x${encodeHex(value.subarray(2))}`);
}

/** What is known of a list's age; `remember` is for when all of the stage's checks are met, and not before. */
export interface Rollback {
  readonly check: Check;
  remember(): void;
}

/** Makes the check that the list is not older than one that was seen before. */
export function checkRollback(
  path: Path | null,
  crl: X509Crl | null,
  demand: Machine['revocation'],
  numbers: CrlNumbers,
): Rollback {
  const conclude = (check: Check, remember: () => void = () => {}): Rollback => ({ check, remember });
  if (crl === null || demand === 'off') return conclude(skipCheck('crl-number', demand, crl === null ? 'none' : 'off'));
  if (path === null) return conclude(skipCheck('crl-number', 'a path', 'no path'));
  const [value, ...more] = crl.extensions.filter((e) => e.oid === X509_OID.crlNumber).map((e) => e.value);
  const number = value === undefined || more.length > 0 ? null : parseCrlNumber(value);
  if (number === null) {
    const expected = `a CRL number of at most ${MAX_NUMBER_OCTETS} octets, once`;
    return conclude(makeCheck('crl-number', false, expected, value === undefined ? 'none' : 'another form'));
  }
  // AMD gives out a list for each kind of VEK under one root, so their numbers are no one series.
  const series: CrlSeries = `${path.fingerprint}/${vekKind(path.vek.subject.commonName) ?? 'VCEK'}`;
  const highest = numbers.highest(series);
  const expected = highest === null ? 'any, because none was seen before' : `at least ${highest}`;
  const check = makeCheck('crl-number', highest === null || number >= highest, expected, String(number));
  return conclude(check, () => numbers.remember(series, number));
}
