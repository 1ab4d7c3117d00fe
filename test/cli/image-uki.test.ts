/** `anchorhold image uki` on a small image: what it binds, what it prints, and what it does not take. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeHex, encodeUtf8 } from '../../src/base/bytes.ts';
import { formatDigest, sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { encodeConfigBundle } from '../../src/enclave/image/config-bundle.ts';
import { makeBootOutputs } from '../../src/image/boot-outputs.ts';
import { productionCommandLine, rebindCommandLine } from '../../src/image/command-line.ts';
import { type Manifest, writeManifest } from '../../src/image/manifest.ts';
import { parsePe, sectionBytes } from '../../src/image/pe.ts';
import { bzImage, efiProgram } from '../image/efi-program.ts';
import { readGpt } from '../image/read-disk.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-image-uki-'));
afterAll(() => rmSync(folder, { recursive: true }));

const boot = {
  stub: efiProgram({ sections: { '.text': encodeUtf8('stub') } }),
  kernel: bzImage('6.12.0-test'),
  initrd: encodeUtf8('an initrd'),
  commandLine: productionCommandLine('host-data'),
  version: '0.1.0',
};
const FILES = { 'linuxx64.efi.stub': boot.stub, vmlinuz: boot.kernel, 'initrd.img': boot.initrd };

function manifestOf(commandLine: string): Manifest {
  return {
    anchorhold: 'image-manifest/1',
    version: boot.version,
    lock: '00'.repeat(32),
    commandLine,
    zstd: '1.5.7',
    inputs: [],
    files: Object.entries(FILES).map(([path, bytes]) => ({
      path,
      sha256: encodeHex(sha256(bytes)),
      size: bytes.length,
    })),
    tree: { sha256: '00'.repeat(32), files: [] },
    firmware: { name: 'OVMF.amdsev.fd', sha256: '00'.repeat(32) },
    measurements: [],
    pcrs: makeBootOutputs(boot, null).pcrs,
  };
}

const bundle = encodeConfigBundle(new Map([['worker.json', encodeUtf8('{}')]]));
const digest = formatDigest(sha256(bundle));

beforeEach(() => {
  rmSync(folder, { recursive: true });
  mkdirSync(join(folder, 'image'), { recursive: true });
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(folder, 'image', name), bytes);
  writeFileSync(join(folder, 'image/manifest.json'), writeManifest(manifestOf(boot.commandLine)));
  writeFileSync(join(folder, 'w.config'), Buffer.concat([bundle, Buffer.alloc(100)]));
});

async function run(...words: string[]) {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['image', 'uki', '--json', ...words], io);
  return { exit, out: io.out(), err: io.err() };
}

async function refusal(...words: string[]): Promise<{ readonly code: string; readonly written: boolean }> {
  const { exit, out, err } = await run(...words);
  expect([exit, out]).toEqual([2, '']);
  return { code: (JSON.parse(err) as { code: string }).code, written: existsSync(join(folder, 'cloud')) };
}

const ALL = ['--image', 'image', '--config', 'w.config', '--out', 'cloud'];

describe('an image that is bound to a configuration', () => {
  it('names its digest on the command line, carries it on the disk, and has registers of its own', async () => {
    const { exit, out } = await run(...ALL);
    const commandLine = productionCommandLine(digest);
    const { pcrs } = makeBootOutputs({ ...boot, commandLine }, bundle);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toEqual({
      config: digest,
      files: ['anchorhold.efi', 'anchorhold.raw', 'anchorhold.vmdk'],
      pcrs,
    });
    const [uki, raw] = ['anchorhold.efi', 'anchorhold.raw'].map((name) => readFileSync(join(folder, 'cloud', name)));
    expect(sectionBytes(parsePe(uki ?? Buffer.of()), '.cmdline')).toEqual(Buffer.from(commandLine));
    const [, held] = readGpt(raw ?? Buffer.of());
    expect(held?.bytes.subarray(0, bundle.length)).toEqual(Buffer.from(bundle));
    expect(pcrs).not.toEqual(makeBootOutputs(boot, null).pcrs);
  });

  it('says the registers to a person, one in a line', async () => {
    const io = memoryIo({ cwd: folder });
    await main(['image', 'uki', ...ALL], io);
    expect(io.out().split('\n').slice(0, 2)).toEqual([
      `configuration ${digest}`,
      expect.stringMatching(/^PCR4 sha256 [0-9a-f]{64}$/),
    ]);
  });
});

describe('an image is not bound', () => {
  it.each([
    ['without a configuration', ['--image', 'image', '--out', 'cloud'], 'ERR_CONFIGURATION_USAGE'],
    ['without a place for it', ['--image', 'image', '--config', 'w.config'], 'ERR_CONFIGURATION_USAGE'],
    ['over itself', ['--image', 'image', '--config', 'w.config', '--out', 'image'], 'ERR_CONFIGURATION_USAGE'],
    ['when it is not there', ['--image', 'none', '--config', 'w.config', '--out', 'cloud'], 'ERR_CONFIGURATION_FILE'],
  ])('%s', async (_name, words, code) => {
    expect(await refusal(...words)).toEqual({ code, written: false });
  });

  it('to what is no bundle', async () => {
    writeFileSync(join(folder, 'w.config'), 'AHCONFIX and so on');
    expect(await refusal(...ALL)).toEqual({ code: 'ERR_CONFIGURATION_FILE', written: false });
  });

  it('to a bundle that a worker would not read', async () => {
    const broken = Uint8Array.from(bundle);
    broken[20] = (broken[20] ?? 0) ^ 0xff;
    writeFileSync(join(folder, 'w.config'), broken);
    expect(await refusal(...ALL)).toEqual({ code: 'ERR_CONFIGURATION_FILE', written: false });
  });

  it.each(Object.keys(FILES))('when its %s is not the one of its manifest', async (name) => {
    writeFileSync(join(folder, 'image', name), 'another');
    expect(await refusal(...ALL)).toEqual({ code: 'ERR_CONFIGURATION_IMAGE', written: false });
  });

  it('when its command line names no configuration', async () => {
    writeFileSync(join(folder, 'image/manifest.json'), writeManifest(manifestOf('quiet')));
    expect(await refusal(...ALL)).toEqual({ code: 'ERR_CONFIGURATION_IMAGE', written: false });
  });
});

describe('a command line', () => {
  it('is bound again to another configuration', () => {
    expect(rebindCommandLine(productionCommandLine('host-data'), digest)).toBe(productionCommandLine(digest));
    expect(rebindCommandLine(productionCommandLine(digest), 'host-data')).toBe(productionCommandLine('host-data'));
  });

  it.each([
    ['two bindings', 'quiet anchorhold.config=host-data anchorhold.config=host-data'],
    ['a binding that is not the last word', 'quiet anchorhold.config=host-data panic=1'],
  ])('with %s is not', (_name, commandLine) => {
    expect(() => rebindCommandLine(commandLine, digest)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_IMAGE' }),
    );
  });
});
