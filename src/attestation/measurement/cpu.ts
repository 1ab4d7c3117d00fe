/**
 * Virtual CPU types: the names that QEMU gives them, and the signature (CPUID leaf 1 EAX) that a processor of that type starts with.
 * Knows no more than the signature; which products are trusted is decided elsewhere. [QEMU 10 target/i386/cpu.c; AMD PPR 19h]
 */
import { ConfigurationError } from '../../errors.ts';

/** A virtual CPU type: its name as it was given, and its signature. */
export interface CpuType {
  readonly name: string;
  readonly signature: number;
}

const NAPLES = 0x800f12;
const ROME = 0x830f10;
const MILAN = 0xa00f11;
const GENOA = 0xa10f10;
const TURIN = 0xb00f00;

const SIGNATURES: ReadonlyMap<string, number> = new Map([
  ['EPYC', NAPLES],
  ['EPYC-v1', NAPLES],
  ['EPYC-v2', NAPLES],
  ['EPYC-IBPB', NAPLES],
  ['EPYC-v3', NAPLES],
  ['EPYC-v4', NAPLES],
  ['EPYC-Rome', ROME],
  ['EPYC-Rome-v1', ROME],
  ['EPYC-Rome-v2', ROME],
  ['EPYC-Rome-v3', ROME],
  ['EPYC-Milan', MILAN],
  ['EPYC-Milan-v1', MILAN],
  ['EPYC-Milan-v2', MILAN],
  ['EPYC-Genoa', GENOA],
  ['EPYC-Genoa-v1', GENOA],
  ['EPYC-Turin', TURIN],
]);

const RAW = /^0x[0-9a-f]{1,8}$/i;

/** Lists the names that `parseCpuType` knows. */
export const CPU_NAMES: readonly string[] = [...SIGNATURES.keys()];

/**
 * Reads a CPU type: a name of QEMU's, or a raw signature such as `0x800f12`.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function parseCpuType(text: string): CpuType {
  const signature = RAW.test(text) ? Number.parseInt(text, 16) : SIGNATURES.get(text);
  if (signature !== undefined) return { name: text, signature };
  throw new ConfigurationError(
    'ERR_CONFIGURATION_USAGE',
    `${text} is not a CPU type: write a signature such as 0x800f12, or one of ${CPU_NAMES.join(', ')}`,
  );
}

/** Gives the family and model of a signature. [AMD APM CPUID Fn0000_0001] */
export function familyAndModel(signature: number): { readonly family: number; readonly model: number } {
  const family = ((signature >>> 8) & 0xf) + ((signature >>> 20) & 0xff);
  const model = ((signature >>> 4) & 0xf) | (((signature >>> 16) & 0xf) << 4);
  return { family, model };
}
