/** What the index of the shared SEV-SNP vectors says, and of which files each case is made; whoever runs them says through what. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../src/attestation/requirements.ts';
import { DEFAULT_MACHINE } from './demands.ts';

export interface RealVector {
  readonly name: string;
  readonly files: readonly string[];
  readonly verify_at: string;
  readonly report?: { readonly report_data: string; readonly measurement: string };
  readonly expected: { readonly default_policy_defects: readonly string[] };
}

export interface NegativeVector {
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

export interface SyntheticVector {
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

export interface SnpVectors {
  readonly vectors: readonly RealVector[];
  readonly negative: readonly NegativeVector[];
  readonly synthetic: readonly SyntheticVector[];
}

/** Files of a case, below the folder of the vectors. */
export interface VectorFiles {
  readonly report: string;
  readonly certificates: readonly string[];
  readonly crl: string | null;
  readonly at: string;
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

/** Reads the index below a folder; without one there are no vectors. */
export function readSnpVectors(folder: string | null): SnpVectors {
  if (folder === null) return { vectors: [], negative: [], synthetic: [] };
  const json = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const { vectors, negative } = json('index.json') as Pick<SnpVectors, 'vectors' | 'negative'>;
  const { vectors: synthetic } = json('synthetic/index.json') as { vectors: readonly SyntheticVector[] };
  return { vectors, negative, synthetic };
}

/** Gives the chain of a real vector. */
export function chainFiles(name: string): readonly string[] {
  return ['vek.der', 'ask.der', 'ark.der'].map((file) => `${name}/${file}`);
}

/** Gives the files of a negative vector. */
export function negativeFiles(n: NegativeVector, { vectors }: SnpVectors): VectorFiles {
  const own = (file: string): string | null => (n.files?.includes(file) === true ? `${n.dir ?? ''}/${file}` : null);
  const vek = own('vek.der') ?? n.vek;
  // The authorities that stand beside the VEK, so that what is wrong is the report and not a missing certificate.
  const issuer = vectors.find(({ name }) => `${name}/vek.der` === vek)?.name ?? `ca/${n.product.toLowerCase()}`;
  return {
    report: own('report.bin') ?? `${n.base ?? 'milan-v3-vcek-google-oak'}/report.bin`,
    certificates: [vek, n.ask ?? `${issuer}/ask.der`, n.ark ?? `${issuer}/ark.der`].filter((file) => file !== null),
    crl: null,
    at: n.verify_at ?? vectors.find(({ name }) => name === n.base)?.verify_at ?? '2026-01-01T00:00:00Z',
  };
}

/** Gives the files of a synthetic vector, without its root. */
export function syntheticFiles({ name, ask, files, verify_at: at }: SyntheticVector): VectorFiles {
  return {
    report: `synthetic/${name}/report.bin`,
    certificates: [`synthetic/${name}/vek.der`, `synthetic/${ask}`],
    crl: files.includes('crl.der') ? `synthetic/${name}/crl.der` : null,
    at,
  };
}

/** Gives the demands that the index has in mind for a synthetic vector. */
export function syntheticMachine({ name, stage }: SyntheticVector): Machine {
  if (name === 'policy-mitigation-vector') return { ...STRICT, mitigations: { launch: '7', current: '7' } };
  if (name === 'ok-id-block-pinned') return { ...STRICT, idKey: 'any', authorKey: 'any' };
  return stage === 'policy' ? STRICT : { ...DEFAULT_MACHINE, revocation: 'if-present' };
}

/** Gives our name of the stage at which a synthetic vector is refused under its own root. */
export function syntheticStage({ stage }: SyntheticVector): string | null {
  return stage === null ? null : (STAGES[stage] ?? stage);
}
