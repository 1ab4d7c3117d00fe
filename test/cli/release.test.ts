/** A publisher's path on the command line: sign a release from manifests, add a signature, publish the next one; and what verifying refuses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliCommand } from '../../src/cli/command.ts';
import { ownerNew } from '../../src/cli/owner-new.ts';
import { releaseSign } from '../../src/cli/release-sign.ts';
import { releaseVerify } from '../../src/cli/release-verify.ts';
import { EnclaveError } from '../../src/errors.ts';
import { memoryIo } from './memory-io.ts';

let folder: string;
let keys: readonly string[];

interface Ran {
  /** The exit code, or the code of the error. */
  readonly exit: number | string;
  readonly out: string;
}

type Options = Readonly<Record<string, string | readonly string[]>>;

async function run(
  command: CliCommand,
  positionals: readonly string[],
  options: Options,
  switches: readonly string[] = ['json'],
): Promise<Ran> {
  const io = memoryIo({ cwd: folder });
  const values = new Map(Object.entries(options).map(([name, value]) => [name, [value].flat()]));
  try {
    const exit = await command.run({ positionals, values, switches: new Set(switches) }, io);
    return { exit, out: io.out() };
  } catch (error) {
    if (!(error instanceof EnclaveError)) throw error;
    return { exit: error.code, out: io.out() };
  }
}

const FILE = 'anchorhold.release.json';
const sign = async (options: Options): Promise<Ran> => await run(releaseSign, [], { key: 'a.owner.key', ...options });
const verify = async (options: Options, switches?: readonly string[]): Promise<Ran> =>
  await run(releaseVerify, [FILE], { key: keys, ...options }, switches);

/** Writes the manifest of an image. */
function writeManifest(name: string, version: string, digest = '4f'.repeat(48)): void {
  const content = {
    anchorhold: 'image-manifest/1',
    version,
    inputs: [{ name: 'vmlinuz' }],
    measurements: [{ vmm: 'qemu', vcpus: 1, cpu: 'EPYC-v4', guestFeatures: '0x1', digest }],
    pcrs: { sha256: { '4': 'bb'.repeat(32) }, sha384: { '4': 'bb'.repeat(48) } },
  };
  writeFileSync(join(folder, name), JSON.stringify(content));
}

const FIRST: Options = { manifest: 'one.json', until: '2099-06-01', publisher: 'example', serial: '1' };
const written = (): { readonly versions: { readonly version: string; readonly until: string }[] } =>
  JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as never;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-'));
  const made: string[] = [];
  for (const name of ['a', 'b', 'c'])
    made.push((JSON.parse((await run(ownerNew, [name], {})).out) as { key: string }).key);
  keys = made.slice(0, 2);
  writeManifest('one.json', '1.4.0');
  writeManifest('two.json', '1.5.0', '5e'.repeat(48));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('release sign', () => {
  it('writes a release that its key verifies, and that says of the image what its manifest says', async () => {
    expect((await sign(FIRST)).exit).toBe(0);
    const { exit, out } = await verify({ manifest: 'one.json' });
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      publisher: 'example',
      serial: 1,
      signedBy: [keys[0]],
      rebuilt: ['1.4.0'],
      versions: [{ version: '1.4.0', until: '2099-06-01T00:00:00.000Z', expired: false }],
    });
  });

  it('adds a signature to the file that is there, each key once', async () => {
    await sign(FIRST);
    expect(JSON.parse((await sign({ key: 'b.owner.key' })).out)).toMatchObject({ signatures: 2 });
    expect(JSON.parse((await sign({ key: 'b.owner.key' })).out)).toMatchObject({ signatures: 2 });
    expect((await verify({ needed: '2' })).exit).toBe(0);
  });

  it('keeps versions with their ends in the next release, which needs signing anew', async () => {
    await sign(FIRST);
    await sign({ key: 'b.owner.key' });
    const next: Options = { manifest: 'two.json', until: '2099-12-01T08:00:00Z', serial: '2' };
    expect(JSON.parse((await sign({ ...next, keep: '1.4.0' })).out)).toMatchObject({
      publisher: 'example',
      serial: 2,
      signatures: 1,
    });
    expect(written().versions.map(({ version, until }) => [version, until])).toEqual([
      ['1.5.0', '2099-12-01T08:00:00.000Z'],
      ['1.4.0', '2099-06-01T00:00:00.000Z'],
    ]);
    await sign({ serial: '3' });
    expect(written().versions).toEqual([]);
  });

  it.each<[string, Options]>([
    ['no key', { ...FIRST, key: [] }],
    ['a manifest without an end', { ...FIRST, until: [] }],
    ['an end that is no day', { ...FIRST, until: 'soon' }],
    ['no publisher', { ...FIRST, publisher: [] }],
    ['a publisher with capitals', { ...FIRST, publisher: 'Example' }],
    ['no serial', { ...FIRST, serial: [] }],
    ['a serial of nothing', { ...FIRST, serial: '0' }],
    ['a version to keep where there is none', { ...FIRST, keep: '1.3.0' }],
    ['nothing to sign', {}],
  ])('refuses %s', async (_what, options) => {
    expect((await sign(options)).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await sign(FIRST)).exit).toBe(0);
  });

  it('refuses a serial that another release has, and a lower one', async () => {
    await sign({ ...FIRST, serial: '2' });
    expect((await sign({ ...FIRST, serial: '2' })).exit).toBe(0);
    expect((await sign({ ...FIRST, manifest: 'two.json', serial: '2' })).exit).toBe('ERR_CONFIGURATION_USAGE');
    expect((await sign({ ...FIRST, serial: '1' })).exit).toBe('ERR_CONFIGURATION_USAGE');
  });

  it('refuses a version twice, and a manifest that is none', async () => {
    const twice = { ...FIRST, manifest: ['one.json', 'one.json'], until: ['2099-06-01', '2099-07-01'] };
    expect((await sign(twice)).exit).toBe('ERR_CONFIGURATION_RELEASE');
    writeFileSync(join(folder, 'one.json'), '{"anchorhold": "image-manifest/2"}');
    expect((await sign(FIRST)).exit).toBe('ERR_CONFIGURATION_FILE');
  });
});

describe('release verify', () => {
  beforeEach(async () => {
    await sign(FIRST);
  });

  it.each<[string, Options, string]>([
    ['a second signature that is needed', { needed: '2' }, 'ERR_CONFIGURATION_RELEASE'],
    ['no key', { key: [] }, 'ERR_CONFIGURATION_USAGE'],
    ['a key that is none', { key: 'ed25519:AAAA' }, 'ERR_CONFIGURATION_USAGE'],
    ['more signatures than keys', { needed: '3' }, 'ERR_CONFIGURATION_USAGE'],
    ['none of the signatures', { needed: '0' }, 'ERR_CONFIGURATION_USAGE'],
    ['an image of another version', { manifest: 'two.json' }, 'ERR_CONFIGURATION_RELEASE'],
  ])('refuses %s', async (_what, options, code) => {
    expect((await verify(options)).exit).toBe(code);
  });

  it('refuses the signature of another key', async () => {
    expect((await verify({ key: keys[1] ?? '' })).exit).toBe('ERR_CONFIGURATION_RELEASE');
  });

  it('refuses an image that came out otherwise', async () => {
    writeManifest('one.json', '1.4.0', '5e'.repeat(48));
    expect((await verify({ manifest: 'one.json' })).exit).toBe('ERR_CONFIGURATION_RELEASE');
  });

  it('says for people which versions have expired', async () => {
    expect((await verify({}, [])).out).toContain('1.4.0 until 2099');
    await sign({ ...FIRST, until: '2020-01-01', serial: '2' });
    expect((await verify({}, [])).out).toContain('1.4.0 EXPIRED on 2020');
  });
});
