/** The parts of a build that need no packages: what the worker needs, how the tree is laid out, how the initrd is packed, what is measured. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { parseFirmware } from '../../src/attestation/measurement/firmware.ts';
import { measureFirmware } from '../../src/attestation/measurement/matrix.ts';
import { concatBytes, encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { encodeCpio } from '../../src/image/cpio.ts';
import { makeImageTree } from '../../src/image/image-tree.ts';
import { packInitrd } from '../../src/image/initrd.ts';
import { measureImage } from '../../src/image/measurements.ts';
import { makeTree, type Tree, treeFile } from '../../src/image/tree.ts';
import { findWorkerFiles } from '../../src/image/worker-files.ts';
import { makeWorkerTree } from '../../src/image/worker-tree.ts';
import { nativeSha384 } from '../../src/io/native-digest.ts';
import { firmwareImage } from '../attestation/measurement/firmware-image.ts';
import { codeOf } from './codes.ts';
import { readCpio } from './read-cpio.ts';

const root = mkdtempSync(join(tmpdir(), 'anchorhold-parts-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Writes compiled files, and gives their folder. */
function compiled(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, path)), { recursive: true });
    writeFileSync(join(root, name, path), text);
  }
  return join(root, name);
}

const ENTRIES = {
  'enclave/image/main.js': "import { a } from '../a.js';\nimport { readFile } from 'node:fs';\n",
  'enclave/container/main.js': "export * from '../a.js';\n",
  'enclave/sandbox/child.js': "import '@scope/package/deep.js';\n",
  'enclave/sandbox/probe.js': '',
};

describe('the files of the worker', () => {
  it('are those that its entries reach, and the packages that these name', async () => {
    const dist = compiled('reached', {
      ...ENTRIES,
      'enclave/a.js': "const b = await import('./b.js');\n",
      'enclave/b.js': "import {\n  one,\n  two,\n} from 'plain';\n",
      'cli/main.js': "import 'commander';\n",
    });
    const { files, packages } = await findWorkerFiles(dist);
    expect([...files.keys()].toSorted()).toEqual([...Object.keys(ENTRIES), 'enclave/a.js', 'enclave/b.js'].toSorted());
    expect(packages).toEqual(['@scope/package', 'plain']);
  });

  it('are not there when the package is not compiled, or only in part', async () => {
    expect(await codeOf(() => findWorkerFiles(join(root, 'nowhere')))).toBe('ERR_CONFIGURATION_FILE');
    expect(await codeOf(() => findWorkerFiles(compiled('part', ENTRIES)))).toBe('ERR_CONFIGURATION_FILE');
  });
});

const npmPackage = (files: Readonly<Record<string, string>>): Tree =>
  makeTree(Object.entries(files).map(([path, text]) => treeFile(`package/${path}`, encodeUtf8(text))));

describe("the worker's tree", () => {
  const worker = { files: new Map([['a.js', encodeUtf8('a')]]), packages: ['one'] };
  const one = npmPackage({
    'package.json': '{"dependencies":{"two":"1"}}',
    'i.js': '',
    'i.d.ts': '',
    'i.js.map': '',
    'test/x.js': '',
    'README.md': '',
  });
  const two = npmPackage({ 'package.json': '{}', 'lib/j.mjs': '' });
  const other = npmPackage({ 'package.json': '{}', 'k.js': '' });

  it('has of packages what Node reads, and only of those that are needed', () => {
    const tree = makeWorkerTree(
      worker,
      '1.2.3',
      new Map([
        ['other', other],
        ['two', two],
        ['one', one],
      ]),
    );
    expect(tree.map(({ path }) => path)).toEqual([
      'lib/anchorhold/package.json',
      'lib/anchorhold/dist/a.js',
      'lib/anchorhold/node_modules/one/i.js',
      'lib/anchorhold/node_modules/one/package.json',
      'lib/anchorhold/node_modules/two/lib/j.mjs',
      'lib/anchorhold/node_modules/two/package.json',
    ]);
  });

  it('is refused when the lock lacks a package', async () => {
    expect(await codeOf(() => makeWorkerTree(worker, '1', new Map([['one', one]])))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});

describe('the tree of an image', () => {
  const layout = (packages: readonly Tree[]) =>
    makeImageTree({
      programs: new Map([
        ['init', encodeUtf8('i')],
        ['bin/confine', encodeUtf8('c')],
      ]),
      node: encodeUtf8('n'),
      packages,
      modules: new Map([
        ['tsm', encodeUtf8('t')],
        ['configfs', encodeUtf8('f')],
      ]),
      moduleOrder: ['configfs', 'tsm'],
      worker: [],
    });
  const text = (tree: Tree, path: string) => {
    const entry = tree.find((e) => e.path === path);
    return entry?.kind === 'file' ? Buffer.from(entry.bytes).toString() : entry?.kind;
  };

  it('has programs, modules with their order, and packet rules where the init looks for them', () => {
    const tree = layout([]);
    for (const path of ['init', 'bin/node', 'bin/confine']) {
      expect(tree.find((e) => e.path === path)).toMatchObject({ kind: 'file', mode: 0o755 });
    }
    expect(text(tree, 'lib/modules/tsm.ko')).toBe('t');
    expect(text(tree, 'etc/anchorhold/modules')).toBe('configfs\ntsm\n');
    expect(text(tree, 'etc/anchorhold/nftables.conf')).toContain('policy drop');
    expect(tree.filter(({ path }) => ['dev', 'proc', 'sys', 'run', 'tmp'].includes(path))).toHaveLength(5);
  });

  it('has a shell only when a package brings one', () => {
    expect(layout([]).some(({ path }) => path.endsWith('busybox'))).toBe(false);
    const debug = layout([makeTree([treeFile('usr/bin/busybox', encodeUtf8('b'), 0o755)])]);
    expect(debug.find(({ path }) => path === 'bin/busybox')).toMatchObject({
      kind: 'link',
      target: '../usr/bin/busybox',
    });
  });
});

describe('an initrd', () => {
  it('holds the archive, has a length that another can follow, and is the same each time', () => {
    const lengths = new Set<number>();
    for (let size = 0; size < 8; size++) {
      const cpio = encodeCpio(
        makeTree([
          treeFile(
            'x',
            Uint8Array.from({ length: 64 + size * 37 }, (_, i) => (i * 167 + size) % 251),
          ),
        ]),
      );
      const packed = packInitrd(cpio);
      expect(packed.length % 4).toBe(0);
      expect(packInitrd(cpio)).toEqual(packed);
      // The padding is zeros, which are no frame.
      const end = packed.findLastIndex((byte) => byte !== 0) + 1;
      lengths.add(packed.length - end);
      expect(readCpio(zstdDecompressSync(packed.subarray(0, end)))).toHaveLength(1);
    }
    expect(lengths.size).toBeGreaterThan(1);
  });
});

describe('the measurements of an image', () => {
  const firmware = firmwareImage();
  const digest = encodeHex(measureFirmware(parseFirmware(firmware), nativeSha384));
  const enforcing = [{ name: 'the test', digest, sha256: '', added: '' }];
  const image = { firmware, vmlinuz: encodeUtf8('k'), initrd: encodeUtf8('i'), commandLine: 'quiet' };

  it('are one for each shape of machine, and all different', () => {
    const rows = measureImage(image, enforcing);
    expect(rows.map(({ vcpus, cpu }) => `${vcpus} ${cpu}`)).toHaveLength(7 * 4);
    expect(new Set(rows.map((row) => row.digest)).size).toBe(7 * 4);
  });

  it.each(['vmlinuz', 'initrd'] as const)('change with the %s', (part) => {
    const other = { ...image, [part]: concatBytes(image[part], encodeUtf8('x')) };
    expect(measureImage(other, enforcing)[0]?.digest).not.toBe(measureImage(image, enforcing)[0]?.digest);
  });

  it('change with the command line', () => {
    expect(measureImage({ ...image, commandLine: 'quiet ' }, enforcing)[0]?.digest).not.toBe(
      measureImage(image, enforcing)[0]?.digest,
    );
  });

  it('are not made of firmware that is not known to compare hashes', async () => {
    expect(await codeOf(() => measureImage(image))).toBe('ERR_CONFIGURATION_FILE');
  });
});
