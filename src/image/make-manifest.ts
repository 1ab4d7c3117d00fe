/** Fills in the manifest of an image that was built. */
import { hash } from 'node:crypto';
import { encodeHex } from '../base/bytes.ts';
import type { Image } from './build.ts';
import { type ImageLock, writeImageLock } from './lock.ts';
import type { Manifest, ManifestEntry, ManifestInput, Measurement } from './manifest.ts';
import type { Outputs } from './outputs.ts';
import type { TreeEntry } from './tree.ts';

const sha256 = (bytes: Uint8Array | string): string => hash('sha256', bytes, 'hex');

function describeInputs(lock: ImageLock, { sources, version }: Image): readonly ManifestInput[] {
  return [
    ...lock.packages.map(({ name, version, sha256 }) => ({
      kind: 'debian' as const,
      name,
      version,
      digest: `sha256-${sha256}`,
    })),
    ...lock.npm.map(({ name, version, integrity }) => ({ kind: 'npm' as const, name, version, digest: integrity })),
    ...sources.map(({ name, bytes }) => ({
      kind: 'source' as const,
      name,
      version,
      digest: `sha256-${sha256(bytes)}`,
    })),
  ];
}

function describeEntry(entry: TreeEntry): ManifestEntry {
  const { path, kind } = entry;
  const base = { path, kind, mode: `0${entry.mode.toString(8)}` };
  if (entry.kind === 'file') return { ...base, sha256: sha256(entry.bytes), size: entry.bytes.length };
  if (entry.kind === 'link') return { ...base, target: entry.target };
  return entry.kind === 'device' ? { ...base, major: entry.major, minor: entry.minor } : base;
}

/** What a manifest says beyond the image itself. */
export interface ManifestParts {
  readonly image: Image;
  readonly lock: ImageLock;
  readonly outputs: Outputs;
  readonly measurements: readonly Measurement[];
}

/** Makes the manifest of an image. */
export function makeManifest({ image, lock, outputs, measurements }: ManifestParts): Manifest {
  return {
    anchorhold: 'image-manifest/1',
    version: image.version,
    lock: sha256(writeImageLock(lock)),
    commandLine: image.commandLine,
    zstd: process.versions['zstd'] ?? 'unknown',
    inputs: describeInputs(lock, image),
    files: outputs.files.map(({ path, bytes }) => ({ path, sha256: sha256(bytes), size: bytes.length })),
    tree: { sha256: encodeHex(image.treeDigest), files: image.tree.map(describeEntry) },
    firmware: { name: 'OVMF.amdsev.fd', sha256: sha256(image.firmware) },
    measurements,
    pcrs: outputs.pcrs,
  };
}
