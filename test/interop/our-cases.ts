/** The reports of our simulated AMD that others are asked about: each product line, kind of key and version of the report. */
import { FIELDS } from '../../src/attestation/snp/layout.ts';
import { PRODUCTS, type Product } from '../../src/attestation/snp/product.ts';
import type { Signer } from '../../src/attestation/snp/report.ts';
import type { IssuedReport, MachineOptions, SimulatedAmd } from '../../src/testing/index.ts';

const VERSIONS = [2, 3, 4, 5] as const;
const SIGNERS: readonly Signer[] = ['VCEK', 'VLEK'];

export interface OurCase {
  readonly name: string;
  readonly product: Product;
  readonly signer: Signer;
  readonly version: (typeof VERSIONS)[number];
  readonly issued: IssuedReport;
}

/** Flips the lowest bit of one byte. */
export function flipBit(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}

/** A byte that the signature covers. */
export const REPORT_DATA_AT: number = FIELDS.reportData.offset;
/** Gives the VEK (0), ASK or ASVK (1), or ARK (2). */
export const derOf = (issued: IssuedReport, at: number): Uint8Array => issued.certificates[at] ?? new Uint8Array();

/** Issues one report of every kind. */
export async function issueAll(amd: SimulatedAmd): Promise<readonly OurCase[]> {
  const cases: OurCase[] = [];
  for (const product of PRODUCTS) {
    for (const signer of SIGNERS) {
      for (const version of VERSIONS) {
        const machine: MachineOptions = { product, signer, version, reportData: new Uint8Array(64).fill(version) };
        cases.push({
          name: `${product} ${signer} v${version}`,
          product,
          signer,
          version,
          issued: await amd.issueReport(machine),
        });
      }
    }
  }
  return cases;
}
