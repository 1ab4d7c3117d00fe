/**
 * What a release takes from the manifest of an image: version, launch digests and registers, and the digest of the file itself. The rest of a
 * manifest (inputs, files, tree) is its builder's, and passes by here.
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { ConfigurationError } from '../../errors.ts';
import { itemsOf, oneOf, type Reader, readJson, refuseValue, text } from '../json-reader.ts';
import { isVersionName, type ReleaseVersion, readMeasurement, readPcrs } from './release.ts';

const FORMAT = 'image-manifest/1';

/** Reads an object that may have other keys, too. */
const anyObject: Reader<Readonly<Record<string, unknown>>> = (value, path) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuseValue(path || 'the file', 'an object', value);
  return { ...value };
};

const content: Reader<Pick<ReleaseVersion, 'version' | 'measurements' | 'pcrs'>> = (value, path) => {
  const fields = anyObject(value, path);
  oneOf(FORMAT)(fields['anchorhold'], 'anchorhold');
  return {
    version: text('a version such as 1.4.0', isVersionName)(fields['version'], 'version'),
    measurements: itemsOf(readMeasurement, LIMITS.releaseMeasurements)(fields['measurements'], 'measurements'),
    pcrs: readPcrs(fields['pcrs'] ?? {}, 'pcrs'),
  };
};

/**
 * Reads the manifest of an image as a version that is accepted until then.
 * @throws ConfigurationError ERR_CONFIGURATION_FILE
 */
export function versionOfManifest(manifest: string, until: Date): ReleaseVersion {
  try {
    const { version, measurements, pcrs } = readJson(manifest, LIMITS.imageManifestBytes, 'the manifest', content);
    const digest = formatDigest(sha256(encodeUtf8(manifest)));
    return { version, until: until.toISOString(), manifest: digest, measurements, pcrs };
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause;
    throw new ConfigurationError('ERR_CONFIGURATION_FILE', `the manifest cannot be read: ${cause.message}`, { cause });
  }
}
