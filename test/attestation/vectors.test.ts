/** Runs every report of the shared vectors through the conformance contract: real hardware, derived negatives, and synthetic chains. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { allMet } from '../../src/attestation/checks.ts';
import { appraiseCase, parseCase, type Verdict } from '../../src/attestation/conformance.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { checkChain } from '../../src/attestation/snp/chain.ts';
import { createChainCache } from '../../src/attestation/snp/chain-cache.ts';
import { parseCertificate, type X509Certificate } from '../../src/attestation/snp/der.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { skipUnless } from '../skips.ts';
import { VECTORS } from '../vectors.ts';
import { ANY_MACHINE, DEFAULT_MACHINE } from './demands.ts';
import {
  chainFiles,
  negativeFiles,
  readSnpVectors,
  type SyntheticVector,
  syntheticFiles,
  syntheticMachine,
  syntheticStage,
  type VectorFiles,
} from './snp-vectors.ts';

const sharedCache = createChainCache();
const ROOT = join(VECTORS ?? '', 'snp');
const base64 = (file: string): string => readFileSync(join(ROOT, file)).toString('base64');
const index = readSnpVectors(VECTORS === null ? null : ROOT);

interface Given {
  readonly report: string;
  readonly certificates: readonly string[];
  readonly crl?: string;
  readonly at: string;
  readonly roots?: readonly string[];
  readonly machine: Machine;
  readonly reportData?: string;
  readonly measurements?: readonly string[];
}

/** Goes through the text form, so that the contract itself is what is tested. */
async function run(name: string, given: Given): Promise<Verdict> {
  const line = JSON.stringify({
    name,
    report: given.report,
    certificates: given.certificates,
    crl: given.crl ?? null,
    at: given.at,
    roots: given.roots ?? 'amd',
    expect: {
      reportData: given.reportData ?? 'any',
      measurements: given.measurements ?? 'any',
      machine: given.machine,
    },
  });
  const verdict = await appraiseCase(parseCase(line), createChainCache());
  // Every vector is also judged with what those before it left behind, and then once more.
  expect(await appraiseCase(parseCase(line), sharedCache)).toEqual(verdict);
  expect(await appraiseCase(parseCase(line), sharedCache)).toEqual(verdict);
  return verdict;
}

/** Reads the files of a case. */
const given = ({
  report,
  certificates,
  crl,
  at,
}: VectorFiles): Pick<Given, 'report' | 'certificates' | 'crl' | 'at'> => ({
  report: base64(report),
  certificates: certificates.map(base64),
  ...(crl === null ? {} : { crl: base64(crl) }),
  at,
});
const failed = (v: Verdict): readonly string[] => v.checks.filter((c) => c.outcome === 'fail').map((c) => c.id);

const test = skipUnless(VECTORS !== null, 'no test vectors');

describe('real reports', () => {
  const reports = index.vectors.filter((v) => v.report !== undefined);

  test('are there, all 13, and one certificate without a report', () => {
    expect([reports.length, index.vectors.length]).toEqual([13, 14]);
  });

  for (const v of reports) {
    const files = { report: `${v.name}/report.bin`, certificates: chainFiles(v.name), crl: null, at: v.verify_at };
    const under = (machine: Machine): Given => ({
      ...given(files),
      machine,
      reportData: v.report?.report_data ?? '',
      measurements: [v.report?.measurement ?? ''],
    });

    test(`${v.name} is genuine`, async () => {
      const verdict = await run(v.name, under(ANY_MACHINE));
      expect(failed(verdict)).toEqual([]);
      expect(verdict).toMatchObject({ name: v.name, verdict: 'accept', stage: null, code: null, error: null });
    });

    test(`${v.name} is isolated exactly when the index names no defect`, async () => {
      const defects = v.expected.default_policy_defects.filter((d) => !d.startsWith('VEK expired'));
      const verdict = await run(v.name, under(DEFAULT_MACHINE));
      expect(verdict.stage).toBe(defects.length === 0 ? null : 'isolation');
      expect(failed(verdict).length).toBe(defects.length);
    });

    test(`${v.name} is refused under other roots, at another time, for other report data and as another measurement`, async () => {
      const genuine = under(ANY_MACHINE);
      const other = index.vectors.find((o) => o.name.split('-')[0] !== v.name.split('-')[0]);
      const roots = [base64(`${other?.name ?? ''}/ark.der`)];
      const stages: (string | null)[] = [];
      for (const change of [
        { roots },
        { at: '2019-01-01T00:00:00Z' },
        { reportData: '00'.repeat(64) },
        { measurements: ['00'.repeat(48)] },
        { measurements: [] },
      ])
        stages.push((await run(v.name, { ...genuine, ...change })).stage);
      const zero = v.report?.report_data === '00'.repeat(64);
      expect(stages).toEqual(['chain', 'chain', zero ? null : 'channel', 'code', 'code']);
    });
  }

  test('of Azure lie inside the HCL blobs', () => {
    const blobs = index.vectors.filter((v) => v.files.includes('hcl.bin'));
    expect(blobs.length).toBe(2);
  });

  test('a certificate of Turin without a report has a genuine chain', async () => {
    const v = index.vectors.find((o) => o.name === 'turin-vcek-only-virtee');
    expect(v).toBeDefined();
    const files = ['vek.der', 'ask.der', 'ark.der'].map((f) => readFileSync(join(ROOT, 'turin-vcek-only-virtee', f)));
    const certificates = files.map(parseCertificate).filter((c): c is X509Certificate => c !== null);
    expect(certificates.length).toBe(3);
    const chain = await checkChain(
      certificates,
      null,
      ANY_MACHINE,
      'amd',
      new Date(v?.verify_at ?? ''),
      createChainCache(),
    );
    expect(allMet(chain.checks)).toBe(true);
    expect(encodeHex(chain.endorsement?.vek.hwid ?? new Uint8Array())).toBe('1e550a8ee5cf9f4d');
    expect(chain.simulated).toBe(false);
  });
});

describe('negative vectors', () => {
  /** The one check that each kind of change must fail; none for the twin that plain ECDSA accepts. */
  const FAILS: Readonly<Record<string, readonly string[]>> = {
    'measurement-bit': ['signature-report'],
    'report-data-bit': ['signature-report'],
    'policy-debug-set': ['signature-report'],
    'sig-r-bit': ['signature-report'],
    'sig-reserved-nonzero': ['report-reserved'],
    'sig-r-upper-nonzero': ['signature-range'],
    'sig-r-plus-n': ['signature-range'],
    'sig-s-negated': [],
    'sig-zero': ['signature-range'],
    'truncated-1183': ['report-length'],
    'trailing-byte': ['report-length'],
    'version-1': ['report-version', 'report-reserved'],
    'sig-algo-0': ['report-signature-algorithm'],
    'signing-key-vlek': ['binding-signer'],
    'signing-key-none': ['report-signing-key'],
    'reserved-4c-nonzero': ['report-reserved'],
    'policy-bit17-clear': ['report-guest-policy'],
    'wrong-chip-vcek': ['binding-chip'],
    'vcek-for-vlek-report': ['chain-dates'],
    'vlek-for-vcek-report': ['binding-signer', 'binding-tcb', 'binding-chip'],
    'cross-product-vcek': ['binding-product', 'binding-tcb', 'binding-chip'],
    'chain-wrong-product-roots': ['chain-path'],
    'chain-asvk-for-vcek': ['chain-path'],
    'chain-revoked-ask': ['chain-vek-signature'],
    'vlek-expired-now': ['chain-dates'],
    'vcek-not-yet-valid': ['chain-dates'],
    'vcek-hwid-raw-invalid-chain': ['chain-vek-signature'],
    'vcek-hwid-octetstring-invalid-chain': ['chain-vek-signature'],
    'vcek-genoa-patched-product-turin': ['chain-vek-signature', 'chain-product-name'],
    'lit-corrupt-793-bytes': ['report-length'],
    'lit-bad-sig-1185-bytes': ['report-length'],
  };

  test('are there, all 53', () => expect(index.negative.length).toBe(53));

  for (const n of index.negative) {
    test(`${n.name} fails exactly the checks it is about, and is ${n.expected}`, async () => {
      const verdict = await run(n.name, { ...given(negativeFiles(n, index)), machine: ANY_MACHINE });
      expect(failed(verdict)).toEqual(FAILS[n.name.split('--').at(-1) ?? '']);
      expect(n.expected).toContain(verdict.verdict);
    });
  }

  test('the revoked intermediate of Genoa is refused by the list that revoked it, and only with it', async () => {
    const v = index.vectors.find((o) => o.name === 'genoa-v3-vcek-yaxi');
    const at = '2023-01-29T00:00:00Z';
    const crl = base64('crl/genoa-vcek-2022-10-31.crl.der');
    const given = {
      report: base64(`${v?.name ?? ''}/report.bin`),
      at,
      machine: { ...ANY_MACHINE, revocation: 'required' as const },
    };
    const under = async (ask: string, list?: string): Promise<Verdict> =>
      await run('revoked', {
        ...given,
        certificates: [base64(`${v?.name ?? ''}/vek.der`), base64(ask), base64('ca/genoa/ark.der')],
        ...(list === undefined ? {} : { crl: list }),
      });
    // The VEK is younger than the list, so its date fails in all of them.
    expect(failed(await under('ca/genoa/ask.der', crl))).toEqual(['chain-dates']);
    expect(failed(await under('ca/genoa-revoked-ask/ask.der', crl))).toEqual([
      'chain-vek-signature',
      'chain-dates',
      'crl-revoked',
    ]);
    expect(failed(await under('ca/genoa/ask.der'))).toEqual(['chain-dates', 'crl-present']);
    const milan = base64('crl/milan-vcek-2022-05-09.crl.der');
    expect(failed(await under('ca/genoa/ask.der', milan))).toEqual(['chain-dates', 'crl-issuer', 'crl-signature']);
  });
});

describe('synthetic vectors', () => {
  const underOwnRoot = (s: SyntheticVector): Given => ({
    ...given(syntheticFiles(s)),
    roots: [base64(`synthetic/${s.ark}`)],
    machine: syntheticMachine(s),
    reportData: s.report_data,
    measurements: [s.measurement],
  });

  test('are there, all 53', () => expect(index.synthetic.length).toBe(53));

  for (const s of index.synthetic) {
    test(`${s.name} gives the verdict and the stage of the index (${s.stage ?? 'accept'})`, async () => {
      const verdict = await run(s.name, underOwnRoot(s));
      expect(verdict.stage).toBe(syntheticStage(s));
      expect(verdict.verdict).toBe(s.expected_with_synthetic_root);
    });

    test(`${s.name} is refused with AMD's roots`, async () => {
      const { roots: _, ...rest } = underOwnRoot(s);
      const ark = base64(`synthetic/${s.ark}`);
      const verdict = await run(s.name, { ...rest, certificates: [...rest.certificates, ark] });
      expect(verdict.verdict).toBe('reject');
      if (verdict.stage !== 'parse')
        expect(failed(verdict)).toContain(s.name === 'chain-leaf-issuer' ? 'chain-path' : 'chain-root');
    });
  }
});
