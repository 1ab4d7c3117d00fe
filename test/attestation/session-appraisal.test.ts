/** What a session asks beyond the report, and how an appraisal that does not accept becomes the error of its family, whatever it holds. */
import { describe, expect, it } from 'vitest';
import { type Appraisal, type Check, STAGES } from '../../src/appraisal.ts';
import { CHECKS, type CheckId } from '../../src/attestation/check-table.ts';
import { concludeAppraisal, makeCheck } from '../../src/attestation/checks.ts';
import { type Claims, encodeClaims, PROFILE, reportDataOf } from '../../src/attestation/claims.ts';
import { encodeEvidence } from '../../src/attestation/evidence.ts';
import { freshnessLeaf } from '../../src/attestation/freshness.ts';
import { appraiseSession, type Channel, refuseUnlessAccepted } from '../../src/attestation/session-appraisal.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import type { TrustFile } from '../../src/attestation/trust-file.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { InvalidEnclaveCodeError, NotAnEnclaveError, NotIsolatedEnclaveError } from '../../src/errors.ts';
import { SIMULATED_MEASUREMENT } from '../../src/testing/index.ts';
import { NOW, sharedAmd } from '../testing/shared-amd.ts';
import { ANY_MACHINE, STRICT_LOCKDOWN } from './demands.ts';

/** One check of each stage. */
const ONE: readonly CheckId[] = [
  'report-length',
  'chain-path',
  'binding-tcb',
  'signature-report',
  'channel-freshness',
  'code-measurement',
  'vmpl',
];
const appraisalOf = (...failing: readonly CheckId[]): Appraisal => {
  const checks: readonly Check[] = ONE.map((id) => makeCheck(id, !failing.includes(id), `wanted ${id}`, `found ${id}`));
  return concludeAppraisal(checks, null, false);
};
const thrownBy = (appraisal: Appraisal): unknown => {
  try {
    refuseUnlessAccepted(appraisal);
    return null;
  } catch (error) {
    return error;
  }
};

describe('an appraisal', () => {
  it('that accepts throws nothing', () => {
    expect(ONE.map((id) => CHECKS[id].stage)).toEqual(STAGES);
    expect(thrownBy(appraisalOf())).toBeNull();
  });

  it.each(ONE.map((id) => ({ id, stage: CHECKS[id].stage })))(
    'that fails at $stage throws the error of that stage',
    ({ id, stage }) => {
      const families = { code: InvalidEnclaveCodeError, isolation: NotIsolatedEnclaveError };
      const family = stage === 'code' || stage === 'isolation' ? families[stage] : NotAnEnclaveError;
      const appraisal = appraisalOf(id);
      const error = thrownBy(appraisal);
      expect(error).toBeInstanceOf(family);
      expect((error as Error).constructor).toBe(family);
      expect(error).toMatchObject({
        code: CHECKS[id].code,
        message: `${id}: expected wanted ${id}, found found ${id}`,
        appraisal,
      });
    },
  );

  it('that fails at several stages throws the error of the first', () => {
    expect(thrownBy(appraisalOf('vmpl', 'code-measurement'))).toBeInstanceOf(InvalidEnclaveCodeError);
    expect(thrownBy(appraisalOf('vmpl', 'chain-path'))).toMatchObject({ code: CHECKS['chain-path'].code });
  });

  it('names the failed check of that stage, wherever it stands', () => {
    const check = (id: CheckId, met: boolean): Check => makeCheck(id, met, `wanted ${id}`, `found ${id}`);
    const checks = [check('vmpl', false), check('report-length', true), check('report-version', false)];
    const error = thrownBy(concludeAppraisal(checks, null, false));
    expect((error as Error).message).toBe('report-version: expected wanted report-version, found found report-version');
  });

  it('that holds nothing but a rejection throws, too', () => {
    const empty: Appraisal = { ...appraisalOf('chain-path'), checks: [] };
    const error = thrownBy(empty);
    expect(error).toBeInstanceOf(NotAnEnclaveError);
    expect((error as Error).message).toBe('chain: expected a pass, found none');
    expect(thrownBy({ ...empty, error: null, stage: null })).toBeInstanceOf(NotAnEnclaveError);
  });
});

const amd = await sharedAmd();
const of = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const channel: Channel = { role: 'worker', nonce: of(1), value: of(2), peerSpkiDigest: of(3) };
const leaf = freshnessLeaf('worker', channel.nonce, channel.value);
const claims: Claims = {
  profile: PROFILE,
  role: 'worker',
  instance: new Uint8Array(16),
  tls: of(3),
  hpke: new Uint8Array(),
  functions: {},
  policies: {},
  lockdown: STRICT_LOCKDOWN,
  freshness: leaf,
  log: { size: 0, root: of(0) },
  runtime: 'test',
};
const encoded = encodeClaims(claims);
const issued = await amd.issueReport({ reportData: reportDataOf(encoded) });
const evidence = encodeEvidence({ ...issued, crl: null, claims: encoded, index: 0, size: 1, path: [] });
const trust: TrustFile = {
  url: 'https://worker.test',
  roots: { simulated: [issued.rootFingerprint] },
  machine: ANY_MACHINE,
  code: { measurements: [encodeHex(SIMULATED_MEASUREMENT)], functions: {} },
  isolation: { policies: {}, others: 'refused', lockdown: STRICT_LOCKDOWN },
  freshness: { reattest: 'connection' },
};

describe('a session', () => {
  it.each<[string, Partial<Channel>, readonly string[]]>([
    ['is accepted on the connection and with the nonce that the evidence is about', {}, []],
    ['is refused with another nonce', { nonce: of(9) }, ['channel-freshness']],
    ['is refused on another connection', { value: of(9) }, ['channel-freshness']],
    ['is refused with nonce and connection exchanged', { nonce: of(2), value: of(1) }, ['channel-freshness']],
    ['is refused with another key of the other end', { peerSpkiDigest: of(9) }, ['channel-tls-key']],
  ])('%s', async (_name, changes, ids) => {
    const parts = [trust, NOW, createChainCache(), createCrlNumbers([])] as const;
    const appraisal = await appraiseSession(evidence, { ...channel, ...changes }, ...parts);
    expect(appraisal.checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id)).toEqual(ids);
    expect(appraisal.verdict).toBe(ids.length === 0 ? 'accept' : 'reject');
    const told = appraisal.checks.filter(({ id }) => id === 'channel-freshness' || id === 'channel-tls-key');
    const fresh = ids.includes('channel-freshness') ? 'another nonce or another connection' : 'so';
    expect(told.map(({ expected, actual }) => [expected, actual])).toEqual([
      ['my nonce and my connection under the freshness root', fresh],
      [encodeHex(changes.peerSpkiDigest ?? of(3)), encodeHex(of(3))],
    ]);
  });
});
