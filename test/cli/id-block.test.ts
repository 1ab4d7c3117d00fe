import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseIdAuth, verifyIdAuth } from '../../src/attestation/measurement/id-auth.ts';
import { parseIdBlock } from '../../src/attestation/measurement/id-block.ts';
import { idKeyDigest } from '../../src/attestation/measurement/id-key.ts';
import { encodeHex, parseBase64 } from '../../src/base/bytes.ts';
import { main } from '../../src/cli/main.ts';
import { memoryIo } from './memory-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-id-block-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Makes a key, keeps its private half in a file, and gives the digest of the public one. */
function newKey(name: string, namedCurve: string, type: 'pkcs8' | 'sec1'): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  writeFileSync(join(folder, name), privateKey.export({ type, format: 'pem' }));
  const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
  return namedCurve === 'P-384' ? encodeHex(idKeyDigest(spki)) : '';
}

const idKeyDigestHex = newKey('id.pem', 'P-384', 'pkcs8');
const authorKeyDigestHex = newKey('author.pem', 'P-384', 'sec1');
newKey('p256.pem', 'P-256', 'pkcs8');
writeFileSync(join(folder, 'no-key.pem'), 'no key');

const DIGEST = 'ab'.repeat(48);
const SIGN = ['--digest', DIGEST, '--guest-policy', '0x30000', '--id-key', 'id.pem'];

async function sign(...args: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const io = memoryIo({ cwd: folder });
  const exit = await main(['id-block', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}

describe('anchorhold id-block', () => {
  it('signs what was asked, with both keys', async () => {
    const more = ['--guest-svn', '7', '--family-id', '01'.repeat(16), '--image-id', '02'.repeat(16)];
    const { exit, out, err } = await sign(...SIGN, ...more, '--author-key', 'author.pem', '--json');
    expect([exit, err]).toEqual([0, '']);
    const signed = JSON.parse(out) as Record<string, string>;
    expect(signed).toMatchObject({ idKeyDigest: idKeyDigestHex, authorKeyDigest: authorKeyDigestHex });
    const block = parseIdBlock(parseBase64(signed['idBlock'] ?? '') ?? new Uint8Array());
    expect({ ...block, launchDigest: encodeHex(block.launchDigest) }).toEqual({
      launchDigest: DIGEST,
      familyId: new Uint8Array(16).fill(1),
      imageId: new Uint8Array(16).fill(2),
      guestSvn: 7,
      guestPolicy: 0x30000n,
    });
    const auth = parseIdAuth(parseBase64(signed['idAuth'] ?? '') ?? new Uint8Array());
    const expected = {
      idKey: Buffer.from(idKeyDigestHex, 'hex'),
      author: Buffer.from(authorKeyDigestHex, 'hex'),
    };
    await expect(verifyIdAuth(block, auth, expected)).resolves.toBeUndefined();
  });

  it('needs no author, and prints what QEMU takes', async () => {
    const { exit, out } = await sign(...SIGN);
    expect(exit).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `^id-block=[\\w+/=]{128}\nid-auth=[\\w+/=]{5464}\nidKeyDigest=${idKeyDigestHex}\nauthorKeyDigest=none\n$`,
      ),
    );
  });

  const without = (name: string): string[] => SIGN.toSpliced(SIGN.indexOf(name), 2);

  it.each<[string, readonly string[], string, number]>([
    ['no digest', without('--digest'), 'ERR_CONFIGURATION_USAGE', 2],
    ['no guest policy', without('--guest-policy'), 'ERR_CONFIGURATION_USAGE', 2],
    ['no key', without('--id-key'), 'ERR_CONFIGURATION_USAGE', 2],
    ['a digest that is too short', [...SIGN, '--digest', 'ab'], 'ERR_CONFIGURATION_USAGE', 2],
    ['a family that is too long', [...SIGN, '--family-id', '01'.repeat(17)], 'ERR_CONFIGURATION_USAGE', 2],
    ['a guest SVN of 33 bits', [...SIGN, '--guest-svn', '0x100000000'], 'ERR_CONFIGURATION_USAGE', 2],
    ['a guest policy without bit 17', [...SIGN, '--guest-policy', '0x10000'], 'ERR_CONFIGURATION_USAGE', 2],
    ['a guest policy that is no number', [...SIGN, '--guest-policy', 'debug'], 'ERR_CONFIGURATION_USAGE', 2],
    ['a key file that is not there', [...SIGN, '--id-key', 'nothing.pem'], 'ERR_CONFIGURATION_FILE', 2],
    ['a key file without a key', [...SIGN, '--id-key', 'no-key.pem'], 'ERR_SECRET_UNREADABLE', 40],
    ['a key on another curve', [...SIGN, '--id-key', 'p256.pem'], 'ERR_SECRET_UNREADABLE', 40],
    ['an author key on another curve', [...SIGN, '--author-key', 'p256.pem'], 'ERR_SECRET_UNREADABLE', 40],
  ])('refuses %s', async (_name, args, code, exit) => {
    const ran = await sign(...args, '--json');
    expect([ran.exit, ran.out]).toEqual([exit, '']);
    expect(JSON.parse(ran.err)).toMatchObject({ code });
  });
});
