/** The shared vectors as questions for any platform: every report as a line of the conformance contract, the lone chain, launches. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Vmm } from '../../src/attestation/measurement/vmsa.ts';
import type { Machine } from '../../src/attestation/requirements.ts';
import { ANY_MACHINE, DEFAULT_MACHINE } from '../attestation/demands.ts';
import {
  chainFiles,
  negativeFiles,
  readSnpVectors,
  syntheticFiles,
  syntheticMachine,
  syntheticStage,
  type VectorFiles,
} from '../attestation/snp-vectors.ts';
import type { Launch, Questions } from './examination.ts';

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

/** Reads all vectors below a folder. */
export function readVectors(folder: string): VectorQuestions {
  const base64 = (file: string): string => readFileSync(join(folder, file)).toString('base64');
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const snp = (file: string): string => base64(`snp/${file}`);
  const index = readSnpVectors(join(folder, 'snp'));
  const launches = (json('measure/index.json') as { vectors: LaunchVector[] }).vectors;

  function caseOf(
    expectation: Expectation,
    files: VectorFiles,
    roots: 'amd' | readonly string[],
    machine: Machine,
    values: { reportData: string; measurement: string } | null,
  ): Case {
    const measurements = values === null ? 'any' : [values.measurement];
    const expect = { reportData: values?.reportData ?? 'any', measurements, machine };
    const { report, certificates, crl, at } = files;
    const given = { report: snp(report), certificates: certificates.map(snp), crl: crl === null ? null : snp(crl), at };
    return { expectation, line: JSON.stringify({ name: expectation.name, ...given, roots, expect }) };
  }

  const real = index.vectors.flatMap(({ name, verify_at: at, report }) => {
    if (report === undefined) return [];
    const files = { report: `${name}/report.bin`, certificates: chainFiles(name), crl: null, at };
    const values = { reportData: report.report_data, measurement: report.measurement };
    return [
      caseOf({ group: 'real', name, verdict: 'accept', stage: null }, files, 'amd', ANY_MACHINE, values),
      caseOf({ group: 'real-strict', name, verdict: null, stage: undefined }, files, 'amd', DEFAULT_MACHINE, values),
    ];
  });

  const negative = index.negative.map((n) => {
    const verdict = /accept|reject/.exec(n.expected)?.[0] ?? null;
    return caseOf(
      { group: 'negative', name: n.name, verdict, stage: undefined },
      negativeFiles(n, index),
      'amd',
      ANY_MACHINE,
      null,
    );
  });

  const made = index.synthetic.flatMap((s) => {
    const { name, expected_with_synthetic_root: verdict } = s;
    const files = syntheticFiles(s);
    const root = `synthetic/${s.ark}`;
    const withRoot = { ...files, certificates: [...files.certificates, root] };
    const values = { reportData: s.report_data, measurement: s.measurement };
    const stage = syntheticStage(s);
    return [
      caseOf({ group: 'synthetic', name, verdict, stage }, files, [snp(root)], syntheticMachine(s), values),
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
        certificates: lone.flatMap(({ name }) => chainFiles(name).map(snp)),
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
