/** Guest features: the bits of SEV_FEATURES that a machine starts with, as part of each processor's first state. [AMD APM Table B-4] */
import { ConfigurationError } from '../../errors.ts';

/** Names each known bit by its number. */
export const FEATURE_BITS: ReadonlyMap<number, string> = new Map([
  [0, 'SNPActive'],
  [1, 'vTOM'],
  [2, 'ReflectVC'],
  [3, 'RestrictedInjection'],
  [4, 'AlternateInjection'],
  [5, 'DebugSwap'],
  [6, 'PreventHostIBS'],
  [7, 'BTBIsolation'],
  [8, 'VmplSSS'],
  [9, 'SecureTSC'],
  [10, 'VmgexitParam'],
  [12, 'IbsVirt'],
  [14, 'VmsaRegProt'],
  [15, 'SmtProtection'],
]);

/**
 * Reads guest features from hexadecimal (`0x21`) or decimal text; bit 0 must be set, and no bit may be unknown.
 * @throws ConfigurationError ERR_CONFIGURATION_USAGE
 */
export function parseGuestFeatures(text: string): bigint {
  const refuse = (why: string): ConfigurationError =>
    new ConfigurationError('ERR_CONFIGURATION_USAGE', `guest features ${text}: ${why}`);
  if (!/^(0x[0-9a-f]{1,16}|\d{1,18})$/i.test(text)) throw refuse('write a number such as 0x1');
  const features = BigInt(text);
  if ((features & 1n) === 0n) throw refuse('bit 0 (SNPActive) is not set, so this is no SEV-SNP guest');
  const unknown = Array.from({ length: 64 }, (_, bit) => bit).find(
    (bit) => !FEATURE_BITS.has(bit) && ((features >> BigInt(bit)) & 1n) === 1n,
  );
  if (unknown !== undefined) throw refuse(`bit ${unknown} is not a known feature`);
  return features;
}
