/**
 * The product lines of AMD's certificate chains, and which CPUs belong to which.
 * [SNP-ABI 1.58 ATTESTATION_REPORT CPUID_FAM_ID; AMD PPR family and model ranges]
 */

/** A product line: the name in `ARK-<product>`. Bergamo, Siena and Genoa-X are signed under Genoa. */
export type Product = 'Milan' | 'Genoa' | 'Turin';

/** Lists the product lines in order of age. */
export const PRODUCTS: readonly Product[] = ['Milan', 'Genoa', 'Turin'];

/** Family, model and stepping as the firmware reports them (extended family and model already added). */
export interface Cpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

interface ModelRange {
  readonly family: number;
  readonly from: number;
  readonly to: number;
  readonly product: Product;
}

const RANGES: readonly ModelRange[] = [
  { family: 0x19, from: 0x00, to: 0x0f, product: 'Milan' },
  { family: 0x19, from: 0x10, to: 0x1f, product: 'Genoa' },
  { family: 0x19, from: 0xa0, to: 0xaf, product: 'Genoa' },
  { family: 0x1a, from: 0x00, to: 0x1f, product: 'Turin' },
];

/** Finds the product line of a CPU; gives null for one that has no pinned root (Venice, for example). */
export function findProduct(cpuid: Cpuid): Product | null {
  const range = RANGES.find((r) => r.family === cpuid.family && cpuid.model >= r.from && cpuid.model <= r.to);
  return range?.product ?? null;
}

/** Writes a CPU as `family 0x19 model 0x11 stepping 0x01`. */
export function formatCpuid(cpuid: Cpuid): string {
  const hex = (n: number): string => `0x${n.toString(16).padStart(2, '0')}`;
  return `family ${hex(cpuid.family)} model ${hex(cpuid.model)} stepping ${hex(cpuid.stepping)}`;
}
