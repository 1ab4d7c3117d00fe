import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSimulatedAmd } from '../../src/testing/index.ts';
import { NOW, SHARED_AMD_DIRECTORY, STRANGER_AMD_DIRECTORY, sharedAmd, strangerAmd } from './shared-amd.ts';

const ROOT = mkdtempSync(join(tmpdir(), 'anchorhold-'));
afterAll(() => rmSync(ROOT, { recursive: true }));

let count = 0;
const newPath = (): string => join(ROOT, `amd-${(count += 1)}`);
const options = { now: () => NOW };
const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
});
const refusal = { name: 'SecretError', code: 'ERR_SECRET_UNREADABLE' };

const shared = await sharedAmd();
const sharedRoot = await shared.rootFingerprint('Genoa');
const pem = readFileSync(join(SHARED_AMD_DIRECTORY, 'ark-genoa.pem'), 'utf8');

/** A directory with a healthy root in it, without making a new key. */
async function filledDirectory(): Promise<{ readonly dir: string; readonly file: string }> {
  const dir = newPath();
  await openSimulatedAmd(dir, options);
  const file = join(dir, 'ark-genoa.pem');
  writeFileSync(file, pem, { mode: 0o600 });
  return { dir, file };
}

describe('the directory of a simulated AMD', () => {
  it('is made on first use by any number of openers at once, who all get the same root', async () => {
    const dir = newPath();
    const amds = await Promise.all([1, 2, 3].map(() => openSimulatedAmd(dir, options)));
    const roots = await Promise.all(amds.map((amd) => amd.rootFingerprint('Genoa')));
    expect(new Set(roots).size).toBe(1);
    expect(readdirSync(dir)).toEqual(['ark-genoa.pem']);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, 'ark-genoa.pem')).mode & 0o777).toBe(0o600);
    const reopened = await openSimulatedAmd(dir, options);
    expect(await reopened.rootFingerprint('Genoa')).toBe(roots[0]);
  });

  it('is reopened as it is', async () => {
    const { dir } = await filledDirectory();
    const amd = await openSimulatedAmd(dir, options);
    expect(await amd.rootFingerprint('Genoa')).toBe(sharedRoot);
  });

  it.each([0o710, 0o701, 0o720, 0o755])('is refused when its mode is %o', async (mode) => {
    const { dir } = await filledDirectory();
    chmodSync(dir, mode);
    await expect(openSimulatedAmd(dir, options)).rejects.toMatchObject(refusal);
  });

  it('is refused when it is a link', async () => {
    const { dir } = await filledDirectory();
    const linked = newPath();
    symlinkSync(dir, linked);
    await expect(openSimulatedAmd(linked, options)).rejects.toMatchObject(refusal);
  });

  it('is refused when it is a file', async () => {
    const path = newPath();
    writeFileSync(path, '', { mode: 0o600 });
    await expect(openSimulatedAmd(path, options)).rejects.toMatchObject(refusal);
  });
});

describe('a file of a simulated AMD', () => {
  it.each([0o640, 0o604, 0o620, 0o602, 0o644])('is refused when its mode is %o', async (mode) => {
    const { dir, file } = await filledDirectory();
    chmodSync(file, mode);
    const amd = await openSimulatedAmd(dir, options);
    await expect(amd.root('Genoa')).rejects.toMatchObject(refusal);
    expect(readFileSync(file, 'utf8')).toBe(pem);
  });

  it('is refused when it is a link', async () => {
    const { dir, file } = await filledDirectory();
    rmSync(file);
    const other = newPath();
    writeFileSync(other, pem, { mode: 0o600 });
    symlinkSync(other, file);
    const amd = await openSimulatedAmd(dir, options);
    await expect(amd.root('Genoa')).rejects.toMatchObject(refusal);
  });

  it.each([
    ['empty', (): string => ''],
    ['cut', (text: string): string => text.slice(0, 2000)],
    ['without a certificate', (text: string): string => text.slice(0, text.indexOf('-----BEGIN CERTIFICATE-----'))],
    [
      'with the certificate of another key',
      (text: string): string => otherKey + text.slice(text.indexOf('-----BEGIN C')),
    ],
    ['too large', (text: string): string => text + ' '.repeat(64 * 1024)],
  ])('is refused when it is %s', async (_, change) => {
    const { dir, file } = await filledDirectory();
    writeFileSync(file, change(pem));
    const amd = await openSimulatedAmd(dir, options);
    await expect(amd.root('Genoa')).rejects.toMatchObject(refusal);
  });

  it('is refused when it was made for another root', async () => {
    const { dir } = await filledDirectory();
    await shared.issueReport();
    const ask = readFileSync(join(SHARED_AMD_DIRECTORY, 'ask-genoa.pem'), 'utf8');
    writeFileSync(join(dir, 'ask-genoa.pem'), ask, { mode: 0o600 });
    const amd = await openSimulatedAmd(dir, options);
    expect((await amd.issueReport()).rootFingerprint).toBe(sharedRoot);
    const stranger = await strangerAmd();
    await stranger.issueReport();
    writeFileSync(join(dir, 'ask-genoa.pem'), readFileSync(join(STRANGER_AMD_DIRECTORY, 'ask-genoa.pem')));
    const mixed = await openSimulatedAmd(dir, options);
    await expect(mixed.issueReport()).rejects.toMatchObject(refusal);
  });
});
