/**
 * What a verdict costs against the bare signature checks that no verifier can leave out: with a chain that is known (the report's signature
 * alone), with one that is not (three keys to read, and five signatures), and cold in a fresh process.
 */
import { execFileSync } from 'node:child_process';
import { constants, createPublicKey, verify, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { appraiseReport } from '../../src/attestation/report-appraisal.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { type ChainCache, createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { parseCrl } from '../../src/attestation/snp/der.ts';
import { parseReport } from '../../src/attestation/snp/report.ts';
import { importP384Key, isP384Signature } from '../../src/attestation/snp/signature.ts';
import { createSimulatedAmd } from '../../src/testing/index.ts';
import { type BenchCase, compared, figure } from '../case.ts';
import { sideBySide } from '../side-by-side.ts';

/** Offsets of the signature in a report, and the size of each number as it is signed. [SNP-ABI 1.58 Table 23] */
const SIGNED_BYTES = 672;
const NUMBER_BYTES = 72;
const P384_BYTES = 48;

const WARM_UP = 1500;

/** Reads r and s, little-endian in the report, as node wants them. */
function rawSignature(report: Uint8Array): Buffer {
  const number = (at: number): Uint8Array => Uint8Array.from(report.subarray(at, at + P384_BYTES)).reverse();
  return Buffer.concat([number(SIGNED_BYTES), number(SIGNED_BYTES + NUMBER_BYTES)]);
}

export const appraisal: BenchCase = {
  name: 'appraise',
  about: 'a full appraisal of a report with its chain and revocation list, against its bare RSA and ECDSA checks',
  async run() {
    const amd = createSimulatedAmd();
    const root = await amd.rootFingerprint('Genoa');
    const { report, certificates, crl } = await amd.issueReport({ product: 'Genoa' });
    const machine = PRESETS['strict-2026-11'];
    const demands = { reportData: 'any', measurements: 'any', machine } as const;
    const now = new Date();
    const appraise = (cache: ChainCache) =>
      appraiseReport({ report, certificates, crl }, demands, { simulated: [root] }, now, cache, createCrlNumbers([]));
    const cache = createChainCache();
    const { verdict, checks } = await appraise(cache);
    if (verdict !== 'accept') throw new Error(JSON.stringify(checks.filter((check) => check.outcome === 'fail')));

    const [vek, ask, ark] = certificates.map((der) => new X509Certificate(der));
    if (vek === undefined || ask === undefined || ark === undefined || crl === null) throw new Error('no full chain');
    const [arkKey, askKey, vekKey] = [ark, ask, vek].map((c) =>
      createPublicKey(c.publicKey.export({ type: 'spki', format: 'pem' })),
    );
    if (arkKey === undefined || askKey === undefined || vekKey === undefined) throw new Error('no keys');
    const signature = rawSignature(report);
    const list = parseCrl(crl);
    if (list === null) throw new Error('no revocation list');
    const pss = { key: arkKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
    const bareReport = (): boolean =>
      verify('sha384', report.subarray(0, SIGNED_BYTES), { key: vekKey, dsaEncoding: 'ieee-p1363' }, signature);
    const bareAll = (): boolean =>
      ark.verify(arkKey) &&
      ask.verify(arkKey) &&
      vek.verify(askKey) &&
      verify('sha384', list.tbs, pss, list.signature) &&
      bareReport();
    if (!bareAll()) throw new Error('the bare checks fail');

    const spkis = [ark, ask, vek].map((c) => c.publicKey.export({ type: 'spki', format: 'der' }));
    const bareCold = (): boolean => {
      for (const key of spkis) createPublicKey({ key, type: 'spki', format: 'der' });
      return bareAll();
    };
    const webKey = await importP384Key(new Uint8Array(spkis[2] ?? []));
    const numbers = parseReport(report).report?.signature;
    if (webKey === null || numbers === undefined) throw new Error('no key');
    const signed = new Uint8Array(report.subarray(0, SIGNED_BYTES));
    const webReport = () => isP384Signature(webKey, numbers.r, numbers.s, signed);
    if (!(await webReport())) throw new Error('the bare check fails');

    // Until the compiler has seen it often, an appraisal measures the compiler; the first one in a process is shown by itself.
    for (let i = 0; i < WARM_UP; i++) {
      await appraise(cache);
      await appraise(createChainCache());
    }
    const us = await sideBySide({
      bareReport,
      webReport,
      known: () => appraise(cache),
      bareCold,
      unknown: () => appraise(createChainCache()),
    });
    const one = figure('bare P-384 verification', 'us', us.bareReport);
    const all = figure('bare keys and signatures, all five', 'us', us.bareCold);
    const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const input = JSON.stringify({
      report: encode(report),
      certificates: certificates.map(encode),
      crl: encode(crl),
      root,
    });
    const output = execFileSync(process.execPath, [join(import.meta.dirname, '../appraise-once.ts')], {
      input,
      encoding: 'utf8',
    });
    const cold = JSON.parse(output) as {
      readonly verdict: string;
      readonly loadedMs: number;
      readonly firstMs: number;
    };
    if (cold.verdict !== 'accept') throw new Error('the cold appraisal refuses');
    return [
      one,
      compared('the same over WebCrypto', us.webReport, one),
      compared('appraisal, chain known', us.known, one),
      all,
      compared('appraisal, chain not known', us.unknown, all),
      compared('appraisal, first in a process', cold.firstMs * 1000, all),
      compared('loading the code before it', cold.loadedMs * 1000, all),
    ];
  },
};
