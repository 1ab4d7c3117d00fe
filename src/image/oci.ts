/**
 * An OCI image in one tar archive: the tree as its only layer, what to start, and the list that older Docker reads as well. A container is no sealed
 * machine: what it isolates rests on the host. [OCI image 1.1]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { encodeCanonicalJson, type Json } from '../base/canonical-json.ts';
import { type DigestText, formatDigest } from '../base/digest.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { encodeTar } from './tar.ts';
import { makeTree, type Tree, treeFile } from './tree.ts';

/** What a container of the image starts, and as whom. */
export interface ContainerCommand {
  /** The program and its first arguments; a container's own arguments follow them. */
  readonly entrypoint: readonly string[];
  /** Arguments when the container gives none. */
  readonly command: readonly string[];
  readonly user: number;
  readonly port: number;
}

const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

const PLATFORM = { architecture: 'amd64', os: 'linux' } as const;

interface Blob {
  readonly bytes: Uint8Array;
  readonly digest: DigestText;
  /** How other parts name it. */
  readonly descriptor: { readonly mediaType: string; readonly digest: DigestText; readonly size: number };
}

function blobOf(bytes: Uint8Array, mediaType: string): Blob {
  const digest = formatDigest(nativeSha256(bytes));
  return { bytes, digest, descriptor: { mediaType, digest, size: bytes.length } };
}

function jsonBlob(value: Json, mediaType: string): Blob {
  return blobOf(encodeUtf8(encodeCanonicalJson(value)), mediaType);
}

function blobPath(digest: DigestText): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** What a container engine is told: the command, and of the layer what it unpacks to. There are no times and no environment. */
function configOf({ entrypoint, command, user, port }: ContainerCommand, layer: Blob): Json {
  return {
    ...PLATFORM,
    config: {
      Entrypoint: entrypoint,
      Cmd: command,
      User: `${user}:${user}`,
      WorkingDir: '/',
      ExposedPorts: { [`${port}/tcp`]: {} },
    },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  };
}

/**
 * Writes a tree as an OCI image layout in a tar archive, under a name such as `anchorhold:0.1.0`. Devices are left out: an engine makes its own,
 * and one without root could not unpack them.
 * @throws ConfigurationError ERR_CONFIGURATION_IMAGE
 */
export function encodeOciImage(tree: Tree, name: string, start: ContainerCommand): Uint8Array<ArrayBuffer> {
  const layer = blobOf(encodeTar(tree.filter(({ kind }) => kind !== 'device')), MEDIA_TYPES.layer);
  const config = jsonBlob(configOf(start, layer), MEDIA_TYPES.config);
  const manifest = jsonBlob(
    { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: config.descriptor, layers: [layer.descriptor] },
    MEDIA_TYPES.manifest,
  );
  const annotations = { 'org.opencontainers.image.ref.name': name, 'io.containerd.image.name': name };
  const index: Json = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [{ ...manifest.descriptor, platform: PLATFORM, annotations }],
  };
  // Docker before 25 reads only this list, which names the same blobs.
  const list: Json = [{ Config: blobPath(config.digest), RepoTags: [name], Layers: [blobPath(layer.digest)] }];
  const text = (path: string, value: Json) => treeFile(path, encodeUtf8(encodeCanonicalJson(value)));
  return encodeTar(
    makeTree([
      text('oci-layout', { imageLayoutVersion: '1.0.0' }),
      text('index.json', index),
      text('manifest.json', list),
      ...[layer, config, manifest].map(({ digest, bytes }) => treeFile(blobPath(digest), bytes)),
    ]),
  );
}
