/** One appraisal in a fresh process, as a client's first call has it: loading the code, then the first verdict. Result as JSON on stdout. */
import { readFileSync } from 'node:fs';

const start = performance.now();
const { appraiseReport } = await import('../src/attestation/report-appraisal.ts');
const { createChainCache } = await import('../src/attestation/snp/chain-cache.ts');
const { createCrlNumbers } = await import('../src/attestation/snp/crl-numbers.ts');
const { PRESETS } = await import('../src/attestation/requirements.ts');
const loadedMs = performance.now() - start;

const { report, certificates, crl, root } = JSON.parse(readFileSync(0, 'utf8')) as {
  readonly report: string;
  readonly certificates: readonly string[];
  readonly crl: string;
  readonly root: string;
};
const decode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
const subject = { report: decode(report), certificates: certificates.map(decode), crl: decode(crl) };
const demands = { reportData: 'any', measurements: 'any', machine: PRESETS['strict-2026-11'] } as const;

const first = performance.now();
const { verdict } = await appraiseReport(
  subject,
  demands,
  { simulated: [root] },
  new Date(),
  createChainCache(),
  createCrlNumbers([]),
);
console.log(JSON.stringify({ verdict, loadedMs, firstMs: performance.now() - first }));
