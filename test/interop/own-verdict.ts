/** The other way round: what we, and openssl, say of the real report that go-sev-guest's own tests use. It is of a guest in debug mode. */
import { X509Certificate } from 'node:crypto';
import { appraiseReport, type Subject } from '../../src/attestation/report-appraisal.ts';
import { type Machine, PRESETS } from '../../src/attestation/requirements.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { parseReport } from '../../src/attestation/snp/report.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { NOW } from '../testing/shared-amd.ts';
import type { GoSevGuest } from './go-sev-guest.ts';
import { expectWords } from './ledger.ts';
import type { Openssl } from './openssl.ts';
import { flipBit, REPORT_DATA_AT } from './our-cases.ts';

/** What a report of version 2 can show; the rest of the strict preset stays. */
const FOR_VERSION_2: Machine = {
  ...PRESETS['strict-2026-11'],
  products: ['Milan'],
  tcb: 'any',
  firmware: 'any',
  revocation: 'if-present',
  mitigations: { launch: 'any', current: 'any' },
  platform: { ...PRESETS['strict-2026-11'].platform, aliasCheckComplete: 'any' },
};
const WITH_DEBUG: Machine = {
  ...FOR_VERSION_2,
  guestPolicy: { ...FOR_VERSION_2.guestPolicy, debug: 'any' },
};

/** Judges the report under AMD's roots. */
export async function judgeTheirs(go: GoSevGuest, openssl: Openssl): Promise<void> {
  const report = go.readTestData('attestation.bin');
  const vcek = go.readTestData('vcek.testcer');
  const pems = Buffer.from(go.readTestData('milan.testcer'))
    .toString('latin1')
    .match(/-----BEGIN[^]*?-----END[^-]*-----/g);
  const certificates = [vcek, ...(pems ?? []).map((pem) => new Uint8Array(new X509Certificate(pem).raw))];
  const { report: fields } = parseReport(report);
  if (fields === null) throw new Error("go-sev-guest's report does not parse");
  const demands = { reportData: fields.reportData, measurements: [encodeHex(fields.measurement)] };
  const subject: Subject = { report, certificates, crl: null };
  const judge = async (machine: Machine, changed: Subject = subject): Promise<string> => {
    const all = { ...demands, machine };
    const appraisal = await appraiseReport(changed, all, 'amd', NOW, createChainCache(), createCrlNumbers([]));
    const failed = appraisal.checks.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id);
    return `${appraisal.verdict} (${failed.join(', ')})`;
  };
  const kind = "we give our verdict on go-sev-guest's report";
  expectWords(kind, 'refused for DEBUG', 'reject (guest-policy-debug)', await judge(FOR_VERSION_2));
  expectWords(kind, 'accepted with debug: any', 'accept ()', await judge(WITH_DEBUG));
  const genoaOnly: Machine = { ...WITH_DEBUG, products: ['Genoa', 'Turin'] };
  expectWords(kind, 'refused where Milan is not named', 'reject (chain-accepted-product)', await judge(genoaOnly));
  const flipped = { ...subject, report: flipBit(report, REPORT_DATA_AT) };
  expectWords(kind, 'refused with one bit flipped', 'reject (signature-report)', await judge(WITH_DEBUG, flipped));
  const both = "openssl accepts go-sev-guest's report and chain";
  expectWords(both, 'report', 'Verified OK', openssl.verifyReport(report, vcek));
  const root = certificates[2] ?? new Uint8Array();
  expectWords(both, 'chain', ': OK', openssl.verifyChain(certificates, root, NOW));
}
