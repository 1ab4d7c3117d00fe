/** Releases for tests: a version with one measurement, signed or as if it had been verified. */
import type { TrustedRelease } from '../../../src/attestation/release/accepted-images.ts';
import {
  formatRelease,
  makeRelease,
  type Release,
  type ReleaseVersion,
} from '../../../src/attestation/release/release.ts';
import { encodeHex } from '../../../src/base/bytes.ts';
import { signDetached } from '../../../src/base/detached-jws.ts';
import type { SigningKey } from '../../../src/base/ed25519.ts';
import { SIMULATED_MEASUREMENT } from '../../../src/testing/index.ts';

/** Makes a version with the measurement of every simulated machine. */
export function versionUntil(
  until: Date,
  version = '1.4.0',
  digest: Uint8Array = SIMULATED_MEASUREMENT,
): ReleaseVersion {
  const shape = { vmm: 'qemu', vcpus: 2, cpu: 'EPYC-Genoa', guestFeatures: '0x1' };
  return {
    version,
    until: until.toISOString(),
    manifest: `sha256:${'aa'.repeat(32)}`,
    measurements: [{ ...shape, digest: encodeHex(digest) }],
    pcrs: { sha256: { '4': 'bb'.repeat(32), '11': 'cc'.repeat(32) } },
  };
}

/** Makes a release of the publisher `anchorhold`. */
export function releaseOf(versions: readonly ReleaseVersion[], serial = 7): Release {
  return makeRelease({ publisher: 'anchorhold', serial, versions });
}

/** Gives a release as a trust file has it once it was verified. */
export function verifiedRelease(...versions: readonly ReleaseVersion[]): TrustedRelease {
  const verified = { ...releaseOf(versions), signedBy: [] };
  return { release: './anchorhold.release.json', keys: [], needed: 1, verified };
}

/** Writes a release file with a signature of each key. */
export async function signRelease(release: Release, keys: readonly SigningKey[]): Promise<string> {
  const signatures = await Promise.all(keys.map((key) => signDetached('anchorhold-release', release, key)));
  return formatRelease({ release, signatures });
}
