/** The shared vectors as questions for any platform: every report as a line of the conformance contract, the lone chain, launches. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Vmm } from '../../src/attestation/measurement/vmsa.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { ANY_MACHINE, DEFAULT_MACHINE } from '../attestation/demands.ts';
import type { Launch, Questions } from './examination.ts';

interface Real {
  readonly name: string;
  readonly verify_at: string;
  readonly report?: { readonly report_data: string; readonly measurement: string };
}

interface Negative {
  readonly name: string;
  readonly dir?: string;
  readonly files?: readonly string[];
  readonly base: string | null;
  readonly vek: string | null;
  readonly ask?: string;
  readonly ark?: string;
  readonly product: string;
  readonly expected: string;
  readonly verify_at?: string;
}

interface Synthetic {
  readonly name: string;
  readonly files: readonly string[];
  readonly ask: string;
  readonly ark: string;
  readonly expected_with_synthetic_root: string;
  readonly stage: string | null;
  readonly verify_at: string;
  readonly measurement: string;
  readonly report_data: string;
}

interface LaunchVector {
  readonly vmm: Vmm;
  readonly vcpus: number;
  readonly vcpu_type: string | null;
  readonly guest_features: string;
  readonly ovmf: string;
  readonly ovmf_hash: string | null;
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly append: string | null;
  readonly expected: string;
  readonly debian?: object;
}

/** What the index says of a case: accept or reject, and at which stage where it says so. */
export interface Expectation {
  readonly group: 'real' | 'real-strict' | 'negative' | 'synthetic' | 'synthetic-amd';
  readonly name: string;
  readonly verdict: string | null;
  /** undefined where the index names none. */
  readonly stage: string | null | undefined;
}

export interface VectorQuestions {
  readonly questions: Pick<Questions, 'cases' | 'chain' | 'launches'>;
  readonly expectations: readonly Expectation[];
  readonly digests: readonly string[];
}

interface Case {
  readonly expectation: Expectation;
  readonly line: string;
}

const STAGES: Readonly<Record<string, string>> = { bind: 'binding', policy: 'isolation' };
/** What the synthetic index assumes for the vectors whose stage is `policy`. */
const FLOOR = { Genoa: { bootloader: 10, tee: 0, snp: 27, microcode: 86 } };
const STRICT: Machine = {
  ...DEFAULT_MACHINE,
  products: ['Genoa'],
  tcb: { reported: FLOOR, launch: FLOOR, committed: 'any', current: 'any' },
  firmware: '1.55.0',
  revocation: 'if-present',
  idKey: 'none',
  authorKey: 'none',
};

function syntheticMachine({ name, stage }: Synthetic): Machine {
  if (name === 'policy-mitigation-vector') return { ...STRICT, mitigations: { launch: '7', current: '7' } };
  if (name === 'ok-id-block-pinned') return { ...STRICT, idKey: 'any', authorKey: 'any' };
  return stage === 'policy' ? STRICT : { ...DEFAULT_MACHINE, revocation: 'if-present' };
}

/** Reads all vectors below a folder. */
export function readVectors(folder: string): VectorQuestions {
  const base64 = (file: string): string => readFileSync(join(folder, file)).toString('base64');
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const snp = (file: string): string => base64(`snp/${file}`);
  const index = json('snp/index.json') as { vectors: Real[]; negative: Negative[] };
  const synthetic = (json('snp/synthetic/index.json') as { vectors: Synthetic[] }).vectors;
  const launches = (json('measure/index.json') as { vectors: LaunchVector[] }).vectors;
  const chainOf = (name: string): string[] => ['vek.der', 'ask.der', 'ark.der'].map((file) => snp(`${name}/${file}`));

  function caseOf(
    expectation: Expectation,
    given: { report: string; certificates: readonly string[]; crl: string | null; at: string },
    roots: 'amd' | readonly string[],
    machine: Machine,
    values: { reportData: string; measurement: string } | null,
  ): Case {
    const measurements = values === null ? 'any' : [values.measurement];
    const expect = { reportData: values?.reportData ?? 'any', measurements, machine };
    return { expectation, line: JSON.stringify({ name: expectation.name, ...given, roots, expect }) };
  }

  const real = index.vectors.flatMap(({ name, verify_at: at, report }) => {
    if (report === undefined) return [];
    const given = { report: snp(`${name}/report.bin`), certificates: chainOf(name), crl: null, at };
    const values = { reportData: report.report_data, measurement: report.measurement };
    return [
      caseOf({ group: 'real', name, verdict: 'accept', stage: null }, given, 'amd', ANY_MACHINE, values),
      caseOf({ group: 'real-strict', name, verdict: null, stage: undefined }, given, 'amd', DEFAULT_MACHINE, values),
    ];
  });

  const negative = index.negative.map((n) => {
    const own = (file: string): string | null => (n.files?.includes(file) === true ? `${n.dir ?? ''}/${file}` : null);
    const vek = own('vek.der') ?? n.vek;
    const issuer = index.vectors.find(({ name }) => `${name}/vek.der` === vek)?.name ?? `ca/${n.product.toLowerCase()}`;
    const certificates = [vek, n.ask ?? `${issuer}/ask.der`, n.ark ?? `${issuer}/ark.der`].filter((f) => f !== null);
    const given = {
      report: snp(own('report.bin') ?? `${n.base ?? 'milan-v3-vcek-google-oak'}/report.bin`),
      certificates: certificates.map(snp),
      crl: null,
      at: n.verify_at ?? index.vectors.find(({ name }) => name === n.base)?.verify_at ?? '2026-01-01T00:00:00Z',
    };
    const verdict = /accept|reject/.exec(n.expected)?.[0] ?? null;
    return caseOf({ group: 'negative', name: n.name, verdict, stage: undefined }, given, 'amd', ANY_MACHINE, null);
  });

  const made = synthetic.flatMap((s) => {
    const { name, verify_at: at, expected_with_synthetic_root: verdict } = s;
    const given = {
      report: snp(`synthetic/${name}/report.bin`),
      certificates: [snp(`synthetic/${name}/vek.der`), snp(`synthetic/${s.ask}`)],
      crl: s.files.includes('crl.der') ? snp(`synthetic/${name}/crl.der`) : null,
      at,
    };
    const root = snp(`synthetic/${s.ark}`);
    const withRoot = { ...given, certificates: [...given.certificates, root] };
    const values = { reportData: s.report_data, measurement: s.measurement };
    const stage = s.stage === null ? null : (STAGES[s.stage] ?? s.stage);
    return [
      caseOf({ group: 'synthetic', name, verdict, stage }, given, [root], syntheticMachine(s), values),
      caseOf(
        { group: 'synthetic-amd', name, verdict: 'reject', stage: undefined },
        withRoot,
        'amd',
        syntheticMachine(s),
        values,
      ),
    ];
  });

  const cases = [...real, ...negative, ...made];
  const lone = index.vectors.filter(({ report }) => report === undefined);
  // Debian's firmware is not among the vectors.
  const measured = launches.filter(({ debian }) => debian === undefined);
  return {
    questions: {
      cases: cases.map(({ line }) => line),
      chain: {
        certificates: lone.flatMap(({ name }) => chainOf(name)),
        at: lone[0]?.verify_at ?? '',
        machine: ANY_MACHINE,
      },
      launches: measured.map(
        (v): Launch => ({
          vmm: v.vmm,
          vcpus: v.vcpus,
          cpu: v.vcpu_type,
          guestFeatures: v.guest_features,
          firmware: base64(`measure/${v.ovmf}`),
          firmwareDigest: v.ovmf_hash,
          kernel: v.kernel === null ? null : base64(`measure/${v.kernel}`),
          initrd: v.initrd === null ? null : base64(`measure/${v.initrd}`),
          commandLine: v.append ?? '',
        }),
      ),
    },
    expectations: cases.map(({ expectation }) => expectation),
    digests: measured.map(({ expected }) => expected),
  };
}
