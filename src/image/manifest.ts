/**
 * The manifest of an image: everything that went into it, every file in it, every file that came out, and what the hardware will measure.
 * Canonical JSON without dates, so that two builds of the same image have the same manifest. [RFC 8785]
 */
import { hash } from 'node:crypto';
import { encodeHex } from '../base/bytes.ts';
import { encodeCanonicalJson, type Json } from '../base/canonical-json.ts';
import type { Image } from './build.ts';
import { type AnyPackage, nameOf } from './inputs.ts';
import { type ImageLock, writeImageLock } from './lock.ts';
import type { Measurement } from './measurements.ts';
import type { Outputs } from './outputs.ts';
import type { TreeEntry } from './tree.ts';

const sha256 = (bytes: Uint8Array | string): string => hash('sha256', bytes, 'hex');

function inputOf(input: AnyPackage): Json {
  const digest = 'sha256' in input ? `sha256-${input.sha256}` : input.integrity;
  return { kind: 'sha256' in input ? 'debian' : 'npm', name: nameOf(input), digest, contents: input.contents };
}

function describeEntry(entry: TreeEntry): Json {
  const { path, kind } = entry;
  const base = { path, kind, mode: `0${entry.mode.toString(8)}` };
  if (entry.kind === 'file') return { ...base, sha256: sha256(entry.bytes), size: entry.bytes.length };
  if (entry.kind === 'link') return { ...base, target: entry.target };
  return entry.kind === 'device' ? { ...base, major: entry.major, minor: entry.minor } : base;
}

/** What the manifest says beyond the image itself. */
export interface ManifestParts {
  readonly image: Image;
  readonly lock: ImageLock;
  readonly outputs: Outputs;
  readonly measurements: readonly Measurement[];
}

/** Writes the manifest of an image as one line of canonical JSON. */
export function writeManifest({ image, lock, outputs, measurements }: ManifestParts): string {
  const sources = image.sources.map(({ name, bytes }) => ({ kind: 'source', name, digest: `sha256-${sha256(bytes)}` }));
  const manifest = {
    anchorhold: 'image-manifest/1',
    version: image.version,
    lock: sha256(writeImageLock(lock)),
    commandLine: image.commandLine,
    inputs: [...lock.packages.map(inputOf), ...lock.npm.map(inputOf), ...sources],
    // It compresses the initrd, and another version may do so with other bytes.
    zstd: process.versions['zstd'] ?? '',
    files: outputs.files.map(({ path, bytes }) => ({ path, sha256: sha256(bytes), size: bytes.length })),
    tree: { sha256: encodeHex(image.treeDigest), files: image.tree.map(describeEntry) },
    firmware: { name: 'OVMF.amdsev.fd', sha256: sha256(image.firmware) },
    measurements: measurements.map((row) => ({ ...row })),
    pcrs: { ...outputs.pcrs },
  };
  return `${encodeCanonicalJson(manifest)}\n`;
}
