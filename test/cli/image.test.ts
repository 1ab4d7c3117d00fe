/** The commands that build and pin the image, as far as they go without the packages: test/image/build.test.ts has the rest. */
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { parseImageLock } from '../../src/image/lock.ts';
import { type FakeMirror, makeDeb, startMirror } from '../image/packages.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-cli-image-'));
const DEB = makeDeb([{ name: './usr/bin/tool', content: 'tool' }]);
const PACKAGE = {
  name: 'tool',
  version: '1.0',
  suite: 'trixie',
  file: 'pool/tool.deb',
  sha256: hash('sha256', DEB, 'hex'),
  contents: '0'.repeat(64),
  group: 'image',
  files: ['usr/bin/tool'],
};
const LOCK = { anchorhold: 'image-lock/1', snapshot: '20261129T000000Z', packages: [PACKAGE], npm: [], modules: [] };

let mirror: FakeMirror;
beforeAll(async () => {
  mirror = await startMirror();
  mirror.files.set(PACKAGE.file, DEB);
  writeFileSync(join(folder, 'lock.json'), JSON.stringify(LOCK));
  writeFileSync(
    join(folder, 'gone.json'),
    JSON.stringify({ ...LOCK, packages: [{ ...PACKAGE, sha256: 'a'.repeat(64), file: 'pool/gone.deb' }] }),
  );
  writeFileSync(join(folder, 'wrong.json'), JSON.stringify({ ...LOCK, modules: 1 }));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await mirror.close();
});

async function image(...args: readonly string[]) {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['image', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

const codeOf = async (...args: readonly string[]): Promise<unknown> =>
  (JSON.parse((await image(...args, '--json')).err) as { code: unknown }).code;

describe('anchorhold image relock', () => {
  it('pins the files that are listed, and keeps what it fetched', async () => {
    const { exit, out, err } = await image('relock', '--lock', 'lock.json', '--keep-versions', '--mirror', mirror.url);
    expect([exit, out, err]).toEqual([0, `wrote ${join(folder, 'lock.json')}\n`, '']);
    const [locked] = parseImageLock(readFileSync(join(folder, 'lock.json'), 'utf8')).packages;
    expect(locked).toEqual({ ...PACKAGE, contents: locked?.contents });
    expect(locked?.contents).not.toBe(PACKAGE.contents);
    expect(mirror.asked).toEqual([PACKAGE.file]);
    await image('relock', '--lock', 'lock.json', '--keep-versions', '--mirror', mirror.url);
    expect(mirror.asked).toEqual([PACKAGE.file]);
  });

  it('names a package that is gone, and what can be done', async () => {
    const { exit, err } = await image('relock', '--lock', 'gone.json', '--keep-versions', '--mirror', mirror.url);
    expect([exit, err.includes('tool 1.0'), err.includes('--snapshot'), err.includes('relock')]).toEqual([
      2,
      true,
      true,
      true,
    ]);
    const before = JSON.stringify({
      ...LOCK,
      packages: [{ ...PACKAGE, sha256: 'a'.repeat(64), file: 'pool/gone.deb' }],
    });
    expect(readFileSync(join(folder, 'gone.json'), 'utf8')).toBe(before);
  });

  it.each([
    ['a lock that is not there', ['--lock', 'nothing.json'], 'ERR_CONFIGURATION_FILE'],
    ['a lock that is none', ['--lock', 'wrong.json'], 'ERR_CONFIGURATION_IMAGE'],
    ['a mirror that is no address', ['--lock', 'lock.json', '--mirror', 'deb.debian.org'], 'ERR_CONFIGURATION_USAGE'],
  ])('refuses %s', async (_, args, code) => {
    expect(await codeOf('relock', ...args)).toBe(code);
  });
});

describe('anchorhold image build', () => {
  it.each([
    ['a lock that is none', ['--lock', 'wrong.json'], 'ERR_CONFIGURATION_IMAGE'],
    ['two places to fetch from', ['--snapshot', '--mirror', 'http://127.0.0.1:9/debian'], 'ERR_CONFIGURATION_USAGE'],
    ['a mirror that is no address', ['--mirror', 'ftp://127.0.0.1/debian'], 'ERR_CONFIGURATION_USAGE'],
  ])('refuses %s', async (_, args, code) => {
    expect(await codeOf('build', ...args)).toBe(code);
  });
});

describe('anchorhold image verify', () => {
  it('says what a build of its own said', async () => {
    const { exit, err } = await image('verify', '--lock', 'wrong.json');
    expect([exit, err.includes('the build failed')]).toEqual([2, true]);
  });
});
