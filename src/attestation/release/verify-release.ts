/**
 * Whether a release file is what a relying party asked for: signed by enough of the keys that it names, and not older than one seen before.
 * Whether a version in it has expired is asked at each appraisal (accepted-images.ts). [RFC 9334 2.1 Reference Value Provider]
 */
import { findSigningKeys } from '../../base/detached-jws.ts';
import { parsePublicKey } from '../../base/ed25519.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';
import { parseRelease, type Release, refuseRelease } from './release.ts';
import { type ReleaseSerials, releaseSeries } from './release-serials.ts';

/** Who must have signed a release. */
export interface ReleaseSigners {
  /** `ed25519:` and the base64 of a public key, each. */
  readonly keys: readonly string[];
  /** How many of them must have signed. */
  readonly needed: number;
}

/** A release whose signatures hold, and the keys that made them (SubjectPublicKeyInfo, DER). */
export interface VerifiedRelease extends Release {
  readonly signedBy: readonly Uint8Array[];
}

function readKeys(keys: readonly string[]): readonly Uint8Array[] {
  return keys.map((key) => {
    const spki = parsePublicKey(key);
    if (spki === null) throw refuseRelease(`${JSON.stringify(key)} is not a key that could have signed it`);
    return spki;
  });
}

/**
 * Verifies the text of a release file, and remembers its serial for every key that may sign: with one key alone a thief could otherwise show an
 * old release that only the other key had signed.
 * @throws ConfigurationError ERR_CONFIGURATION_RELEASE, ERR_CONFIGURATION_RELEASE_OLD for a lower serial than one seen
 */
export async function verifyRelease(
  content: string,
  { keys, needed }: ReleaseSigners,
  serials: ReleaseSerials,
): Promise<VerifiedRelease> {
  const { release, signatures } = parseRelease(content);
  if (signatures.length > LIMITS.statementSignatures)
    throw refuseRelease(`it has ${signatures.length} signatures, more than ${LIMITS.statementSignatures}`);
  const accepted = readKeys(keys);
  const signedBy = await findSigningKeys('anchorhold-release', release, signatures, accepted);
  // Written so that a demand that is no number is never met.
  if (!(needed >= 1 && signedBy.length >= needed))
    throw refuseRelease(`${needed} of ${keys.length} keys must have signed it, and ${signedBy.length} did`);
  const { publisher } = release;
  const serial = BigInt(release.serial);
  const series = accepted.map((spki) => releaseSeries(spki, publisher));
  const newer = series.map((name) => serials.highest(name) ?? serial).find((seen) => seen > serial);
  if (newer !== undefined) {
    const message = `the release of ${publisher} has serial ${serial}, and one with serial ${newer} was seen before`;
    throw new ConfigurationError('ERR_CONFIGURATION_RELEASE_OLD', message);
  }
  for (const name of series) serials.remember(name, serial);
  return { ...release, signedBy };
}
