/**
 * What a verdict costs against the bare crypto that no verifier can leave out, made of the same WebCrypto calls: with a chain that is known
 * (the report's signature alone), with one that is not (three keys to import and five signatures), and cold in a fresh process.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { appraiseReport } from '../../src/attestation/report-appraisal.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { type ChainCache, createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { createCrlNumbers } from '../../src/attestation/snp/crl-numbers.ts';
import { parseCertificate, parseCrl, type Signed } from '../../src/attestation/snp/der.ts';
import { createSimulatedAmd } from '../../src/testing/index.ts';
import { type BenchCase, compared, type Figure, figure } from '../case.ts';
import { type Comparison, compareInTurns } from '../in-turns.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Offsets of the signature in a report, and the size of each number as it is signed. [SNP-ABI 1.58 Table 23] */
const SIGNED_BYTES = 672;
const NUMBER_BYTES = 72;
const P384_BYTES = 48;

const WARM_UP = 1500;

const { subtle } = globalThis.crypto;
const PSS_KEY = { name: 'RSA-PSS', hash: 'SHA-384' } as const;
const PSS = { name: 'RSA-PSS', saltLength: 48 } as const;
const P384_KEY = { name: 'ECDSA', namedCurve: 'P-384' } as const;
const P384 = { name: 'ECDSA', hash: 'SHA-384' } as const;

/** Reads r and s, little-endian in the report, as WebCrypto wants them. */
function rawSignature(report: Uint8Array): Bytes {
  const number = (at: number): Uint8Array => report.slice(at, at + P384_BYTES).reverse();
  return Uint8Array.from([...number(SIGNED_BYTES), ...number(SIGNED_BYTES + NUMBER_BYTES)]);
}

/** Makes the four figures of a comparison: both times of the base, and both of the subject with their ratios. */
function figuresOf(baseName: string, name: string, result: Comparison): readonly Figure[] {
  const cpuName = `${baseName}, CPU`;
  return [
    figure(baseName, 'us', result.baseUs),
    figure(cpuName, 'us', result.baseCpuUs),
    { name, unit: 'us', value: result.us, ratio: { to: baseName, value: result.ratio }, atMost: null },
    {
      name: `${name}, CPU`,
      unit: 'us',
      value: result.cpuUs,
      ratio: { to: cpuName, value: result.cpuRatio },
      atMost: null,
    },
  ];
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

    const [vek, ask, ark] = certificates.map(parseCertificate);
    const list = crl === null ? null : parseCrl(crl);
    if (!vek || !ask || !ark || !list || crl === null) throw new Error('no full chain');
    const signature = rawSignature(report);
    const signed: Bytes = new Uint8Array(report.subarray(0, SIGNED_BYTES));
    const importVek = () => subtle.importKey('spki', vek.spki, P384_KEY, false, ['verify']);
    const importPss = (spki: Bytes) => subtle.importKey('spki', spki, PSS_KEY, false, ['verify']);
    const verifyPss = (key: CryptoKey, { signature: bytes, tbs }: Signed) => subtle.verify(PSS, key, bytes, tbs);
    const verifyReport = (key: CryptoKey) => subtle.verify(P384, key, signature, signed);

    const known = await importVek();
    const bareReport = () => verifyReport(known);
    // In the order and with the overlap of an appraisal: the report's signature is checked only under a chain that is good.
    const bareAll = async (): Promise<boolean> => {
      const [arkKey, askKey] = await Promise.all([importPss(ark.spki), importPss(ask.spki)]);
      const chain = await Promise.all([
        verifyPss(arkKey, ark),
        verifyPss(arkKey, ask),
        verifyPss(askKey, vek),
        verifyPss(arkKey, list),
      ]);
      return chain.every((good) => good) && (await verifyReport(await importVek()));
    };
    // The sum of the same operations, each awaited before the next begins.
    const bareSum = async (): Promise<boolean> => {
      const arkKey = await importPss(ark.spki);
      const askKey = await importPss(ask.spki);
      const vekKey = await importVek();
      const chain = (await verifyPss(arkKey, ark)) && (await verifyPss(arkKey, ask)) && (await verifyPss(askKey, vek));
      return chain && (await verifyPss(arkKey, list)) && (await verifyReport(vekKey));
    };
    for (const bare of [bareReport, bareAll, bareSum]) if (!(await bare())) throw new Error('the bare checks fail');

    // Until the compiler has seen it often, an appraisal measures the compiler; the first one in a process is shown by itself.
    for (let i = 0; i < WARM_UP; i++) {
      await appraise(cache);
      await appraise(createChainCache());
    }
    const again = await compareInTurns(bareReport, () => appraise(cache));
    const anew = await compareInTurns(bareAll, () => appraise(createChainCache()));
    const summed = await compareInTurns(bareSum, () => appraise(createChainCache()));
    const all = figure('bare keys and signatures, overlapping', 'us', anew.baseUs);
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
      ...figuresOf('bare P-384 verification', 'appraisal, chain known', again),
      ...figuresOf('bare keys and signatures, one after another', 'appraisal, chain not known', summed),
      ...figuresOf(all.name, 'appraisal, chain not known, against overlap', anew),
      compared('appraisal, first in a process', cold.firstMs * 1000, all),
      compared('loading the code before it', cold.loadedMs * 1000, all),
    ];
  },
};
