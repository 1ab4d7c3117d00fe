/** `anchorhold function pack`: the manifest that a worker takes, and nothing that it would refuse. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { parseDigest, sha256 } from '../../src/base/digest.ts';
import { main } from '../../src/cli/main.ts';
import { checkFunctionFiles, readFunctionFiles } from '../../src/enclave/function-files.ts';
import { DISK } from '../../src/io/files.ts';
import { memoryIo } from './memory-io.ts';

const top = mkdtempSync(join(tmpdir(), 'anchorhold-pack-'));
afterAll(() => rmSync(top, { recursive: true }));
const folder = join(top, 'f');
const MANIFEST = join(folder, 'manifest.json');

async function pack(...more: string[]) {
  const io = memoryIo({ cwd: top });
  const exit = await main(['function', 'pack', 'f', ...more], io);
  return { exit, out: io.out(), err: io.err() };
}
const codeOf = ({ err }: { err: string }): string => (JSON.parse(err) as { code: string }).code;

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'main.wasm'), 'not looked into');
  writeFileSync(join(folder, 'assets/x.json'), '{}');
});

describe('packing', () => {
  it('writes a manifest of every file, which a worker takes under the digest that is printed', async () => {
    const { exit, out } = await pack('--type', 'application/json');
    expect(exit).toBe(0);
    const digest = parseDigest(out.slice(0, 71)) ?? new Uint8Array();
    expect(out).toBe(`${out.slice(0, 71)}  ${MANIFEST}\n`);
    expect(digest).toEqual(sha256(readFileSync(MANIFEST)));
    const checked = checkFunctionFiles(await readFunctionFiles(MANIFEST, 'f', DISK), digest, 'f');
    expect(checked.answerType).toBe('application/json');
    expect(checked.mounts[0]?.items.map(({ path }) => path)).toEqual(['assets', 'assets/x.json']);
  });

  it('comes to the same when it is done again, and to another digest with another byte', async () => {
    const first = await pack('--json');
    expect(await pack('--json')).toEqual(first);
    writeFileSync(join(folder, 'assets/x.json'), '[]');
    expect((await pack('--json')).out).not.toBe(first.out);
  });

  it('takes another entry', async () => {
    writeFileSync(join(folder, 'other.wasm'), '');
    await pack('--entry', 'other.wasm');
    expect(JSON.parse(readFileSync(MANIFEST, 'utf8'))).toMatchObject({ entry: 'other.wasm' });
  });

  it.each<[string, () => void, readonly string[], string]>([
    ['no entry', () => rmSync(join(folder, 'main.wasm')), [], 'ERR_CONFIGURATION_USAGE'],
    ['a type with parameters', () => undefined, ['--type', 'text/plain; a=b'], 'ERR_CONFIGURATION_USAGE'],
    ['a name with a blank', () => writeFileSync(join(folder, 'a b'), ''), [], 'ERR_CONFIGURATION_USAGE'],
    ['a hidden file', () => writeFileSync(join(folder, '.x'), ''), [], 'ERR_CONFIGURATION_USAGE'],
    ['a link', () => symlinkSync('/etc/passwd', join(folder, 'x')), [], 'ERR_CONFIGURATION_FILE'],
    ['no folder', () => rmSync(folder, { recursive: true }), [], 'ERR_CONFIGURATION_FILE'],
  ])('writes nothing with %s', async (_, change, more, code) => {
    change();
    const packed = await pack('--json', ...more);
    expect([packed.exit, packed.out, codeOf(packed)]).toEqual([2, '', code]);
    expect(existsSync(MANIFEST)).toBe(false);
  });
});
