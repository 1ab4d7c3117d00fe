/** The OCI image: each part is named by its digest and size, and the layer is the tree. `make test-containers` runs it in an engine. */
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { type ContainerCommand, encodeOciImage } from '../../src/image/oci.ts';
import { makeTree, treeDevice, treeDirectory, treeFile, treeLink } from '../../src/image/tree.ts';

const tree = makeTree([
  treeFile('bin/node', encodeUtf8('a program'), 0o755),
  treeLink('lib64', 'usr/lib64'),
  treeDirectory('run'),
  treeDevice('dev/console', 0o600, 5, 1),
]);
const start: ContainerCommand = { entrypoint: ['/bin/node', 'main.js'], command: ['--help'], user: 990, port: 8443 };

/** Reads a tar archive: names and contents of what is no directory. */
function untar(archive: Uint8Array): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  const bytes = Buffer.from(archive);
  const text = (at: number, size: number): string => bytes.toString('latin1', at, at + size).replace(/\0.*$/s, '');
  for (let at = 0; bytes[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (text(at + 156, 1) !== '5') found.set(text(at, 100), bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

const image = encodeOciImage(tree, 'anchorhold:0.1.0', start);
const files = untar(image);

function json(name: string): Record<string, unknown> {
  return JSON.parse(files.get(name)?.toString() ?? 'null') as Record<string, unknown>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Follows a descriptor to its blob, whose digest and size must be those that it says. */
function follow({ digest, size }: Descriptor): Buffer {
  const blob = files.get(`blobs/${digest.replace(':', '/')}`) ?? Buffer.alloc(0);
  expect([`sha256:${hash('sha256', blob)}`, blob.length]).toEqual([digest, size]);
  return blob;
}

const [top] = json('index.json')['manifests'] as readonly Descriptor[];
const manifest = JSON.parse(top === undefined ? '' : follow(top).toString()) as {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
};

describe('the OCI image', () => {
  it('leads from its index over the manifest to the configuration, by digest and size', () => {
    expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(top).toMatchObject({ annotations: { 'org.opencontainers.image.ref.name': 'anchorhold:0.1.0' } });
    const config = JSON.parse(follow(manifest.config).toString()) as Record<string, unknown>;
    expect(config).toEqual({
      architecture: 'amd64',
      os: 'linux',
      config: {
        Entrypoint: ['/bin/node', 'main.js'],
        Cmd: ['--help'],
        User: '990:990',
        WorkingDir: '/',
        ExposedPorts: { '8443/tcp': {} },
      },
      rootfs: { type: 'layers', diff_ids: manifest.layers.map(({ digest }) => digest) },
    });
  });

  it('has the tree as its one layer, without devices', () => {
    const [layer, ...more] = manifest.layers;
    expect(more).toEqual([]);
    const held = untar(layer === undefined ? new Uint8Array() : follow(layer));
    expect([...held.keys()]).toEqual(['bin/node', 'lib64']);
    expect(held.get('bin/node')?.toString()).toBe('a program');
  });

  it('says the same to Docker before 25', () => {
    const path = ({ digest }: Descriptor): string => `blobs/${digest.replace(':', '/')}`;
    expect(json('manifest.json')).toEqual([
      { Config: path(manifest.config), RepoTags: ['anchorhold:0.1.0'], Layers: manifest.layers.map(path) },
    ]);
  });

  it('holds nothing else, and is the same for the same tree', () => {
    expect([...files.keys()].filter((name) => !name.startsWith('blobs/'))).toEqual([
      'index.json',
      'manifest.json',
      'oci-layout',
    ]);
    expect(files.size).toBe(6);
    expect(Buffer.compare(encodeOciImage(tree, 'anchorhold:0.1.0', start), image)).toBe(0);
  });
});
