import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeIdAuth,
  type IdAuth,
  parseIdAuth,
  signIdBlock,
  verifyIdAuth,
} from '../../../src/attestation/measurement/id-auth.ts';
import { encodeIdBlock, type IdBlock, parseIdBlock } from '../../../src/attestation/measurement/id-block.ts';
import { encodeIdKey, idKeyDigest, openIdSigner, parseIdKey } from '../../../src/attestation/measurement/id-key.ts';
import { EnclaveError } from '../../../src/errors.ts';

const FILE = 'ERR_CONFIGURATION_FILE';
const USAGE = 'ERR_CONFIGURATION_USAGE';
const SECRET = 'ERR_SECRET_UNREADABLE';

const pkcs8 = (key: KeyObject): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(key.export({ type: 'pkcs8', format: 'der' }));
const newKey = (): Uint8Array<ArrayBuffer> => pkcs8(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey);

const [idSigner, authorSigner, stranger] = await Promise.all([newKey(), newKey(), newKey()].map(openIdSigner));
if (idSigner === undefined || authorSigner === undefined || stranger === undefined) throw new Error('no keys');

const block: IdBlock = {
  launchDigest: new Uint8Array(48).fill(1),
  familyId: new Uint8Array(16).fill(2),
  imageId: new Uint8Array(16).fill(3),
  guestSvn: 4,
  guestPolicy: 0x30000n,
};
const signed = await signIdBlock(block, idSigner, authorSigner);
const unvouched = await signIdBlock(block, idSigner, null);
const byStranger = await signIdBlock(block, stranger, authorSigner);
const keys = { idKey: idKeyDigest(idSigner.spki), author: idKeyDigest(authorSigner.spki) };

const codeOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
    return 'ok';
  } catch (error) {
    if (!(error instanceof EnclaveError)) throw error;
    return error.code;
  }
};

const bytes = (size: number): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((value) => Uint8Array.from(value));

describe('an ID block', () => {
  it('is read as it was written', () => {
    const blocks = fc.record({
      launchDigest: bytes(48),
      familyId: bytes(16),
      imageId: bytes(16),
      guestSvn: fc.integer({ min: 0, max: 0xffffffff }),
      guestPolicy: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(blocks, (any) => {
        expect(parseIdBlock(encodeIdBlock(any))).toEqual(any);
      }),
    );
  });

  it('keeps nothing of the bytes that it was read from', () => {
    const source = Buffer.from(encodeIdBlock(block));
    const read = parseIdBlock(source);
    source.fill(0xff);
    expect(read).toEqual(block);
  });

  it('is written as it was read, or refused', async () => {
    await fc.assert(
      fc.asyncProperty(bytes(96), fc.boolean(), async (any, versionOne) => {
        if (versionOne) any.set([1, 0, 0, 0], 80);
        const code = await codeOf(() => expect(encodeIdBlock(parseIdBlock(any))).toEqual(any));
        expect(code).toBe(versionOne ? 'ok' : FILE);
      }),
    );
  });

  it.each<[string, Partial<IdBlock>]>([
    ['a digest of 47 bytes', { launchDigest: new Uint8Array(47) }],
    ['a family of 17 bytes', { familyId: new Uint8Array(17) }],
    ['an image of 15 bytes', { imageId: new Uint8Array(15) }],
    ['a guest SVN below zero', { guestSvn: -1 }],
    ['a guest SVN of 33 bits', { guestSvn: 2 ** 32 }],
    ['half a guest SVN', { guestSvn: 0.5 }],
    ['a guest policy below zero', { guestPolicy: -1n }],
    ['a guest policy of 65 bits', { guestPolicy: 2n ** 64n }],
  ])('is not written with %s', async (_name, change) => {
    expect(await codeOf(() => encodeIdBlock({ ...block, ...change }))).toBe(USAGE);
  });

  it.each([0, 95, 97])('is not read from %i bytes', async (size) => {
    expect(await codeOf(() => parseIdBlock(new Uint8Array(size)))).toBe(FILE);
  });
});

describe('an ID key', () => {
  it('is read as it was written', () => {
    expect(parseIdKey(encodeIdKey(idSigner.spki))).toEqual(idSigner.spki);
  });

  it.each(['P-256', 'P-521'])('is not on %s', async (namedCurve) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    const spki = Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' }));
    expect(await codeOf(() => encodeIdKey(spki))).toBe(FILE);
    expect(await codeOf(() => openIdSigner(pkcs8(privateKey)))).toBe(SECRET);
  });

  it('is not an RSA key, and not just any bytes', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(await codeOf(() => openIdSigner(pkcs8(privateKey)))).toBe(SECRET);
    expect(await codeOf(() => openIdSigner(new Uint8Array(10)))).toBe(SECRET);
  });

  it.each([
    [0, 'curve'],
    [3, 'curve'],
    [52, 'x'],
    [124, 'y'],
    [148, 'rest'],
    [1027, 'rest'],
  ])('is refused with a wrong byte %i in its %s', async (at) => {
    const key = encodeIdKey(idSigner.spki);
    key[at] = (key[at] ?? 0) ^ 0xff;
    expect(await codeOf(() => parseIdKey(key))).toBe(FILE);
    expect(await codeOf(() => parseIdKey(key.subarray(1)))).toBe(FILE);
  });
});

describe('ID auth', () => {
  it.each([
    ['with an author', signed, keys],
    ['without an author', unvouched, { ...keys, author: null }],
  ])('that was signed %s is verified, also after it was written and read', async (_name, auth, expected) => {
    expect(await codeOf(() => verifyIdAuth(block, auth, expected))).toBe('ok');
    const read = parseIdAuth(encodeIdAuth(auth));
    expect(read).toEqual(auth);
    expect(await codeOf(() => verifyIdAuth(block, read, expected))).toBe('ok');
  });

  it.each<[string, Partial<IdBlock>]>([
    ['launch digest', { launchDigest: new Uint8Array(48) }],
    ['family', { familyId: new Uint8Array(16) }],
    ['image', { imageId: new Uint8Array(16) }],
    ['guest SVN', { guestSvn: 5 }],
    ['guest policy', { guestPolicy: 0xb0000n }],
  ])('is refused for another %s', async (_name, change) => {
    expect(await codeOf(() => verifyIdAuth({ ...block, ...change }, signed, keys))).toBe(FILE);
  });

  const flipped = (signature: Uint8Array): Uint8Array<ArrayBuffer> => {
    const other = Uint8Array.from(signature);
    other[95] = (other[95] ?? 0) ^ 1;
    return other;
  };
  const author = signed.author ?? signed.idKey;
  const other = idKeyDigest(stranger.spki);

  it.each<[string, IdAuth, typeof keys | { idKey: Uint8Array; author: null }]>([
    ['another ID key is expected', signed, { ...keys, idKey: other }],
    ['another author is expected', signed, { ...keys, author: other }],
    ['an author is expected, but there is none', unvouched, keys],
    ['no author is expected, but there is one', signed, { ...keys, author: null }],
    ['a stranger signed with a key of their own', byStranger, keys],
    [
      'the signature of the block is changed',
      { ...signed, idKey: { ...signed.idKey, signature: flipped(signed.idKey.signature) } },
      keys,
    ],
    [
      'the signature of the author is changed',
      { ...signed, author: { ...author, signature: flipped(author.signature) } },
      keys,
    ],
    [
      'the signature of the block is cut',
      { ...signed, idKey: { ...signed.idKey, signature: signed.idKey.signature.slice(1) } },
      keys,
    ],
    ['the signature of the author is zero', { ...signed, author: { ...author, signature: new Uint8Array(96) } }, keys],
    ['the author vouches for another key', { ...signed, author: byStranger.author }, keys],
  ])('is refused when %s', async (_name, auth, expected) => {
    expect(await codeOf(() => verifyIdAuth(block, auth, expected))).toBe(FILE);
  });

  it('is not written with a signature of another size, or with another key', async () => {
    const { idKey } = signed;
    expect(await codeOf(() => encodeIdAuth({ idKey: { ...idKey, signature: new Uint8Array(95) }, author: null }))).toBe(
      USAGE,
    );
    expect(await codeOf(() => encodeIdAuth({ idKey: { ...idKey, spki: new Uint8Array(120) }, author: null }))).toBe(
      FILE,
    );
  });

  it('is refused with a byte where nothing may stand, or in a field of which only some values are known', async () => {
    const places = [
      0,
      1,
      4,
      7,
      8,
      0x3f,
      0x40 + 48,
      0x40 + 143,
      0x40 + 144,
      0x23f,
      0x240,
      0x643,
      0x644,
      0x67f,
      0x680 + 144,
    ];
    for (const at of [...places, 0x87f, 0x880, 0xc83, 0xc84, 0xfff]) {
      const changed = encodeIdAuth(signed);
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect([at, await codeOf(() => parseIdAuth(changed))]).toEqual([at, FILE]);
    }
    // Without the author's algorithm, nothing of the author may stand.
    const orphan = encodeIdAuth(signed);
    orphan[4] = 0;
    expect(await codeOf(() => parseIdAuth(orphan))).toBe(FILE);
    expect(await codeOf(() => parseIdAuth(encodeIdAuth(signed).subarray(1)))).toBe(FILE);
  });

  it('is read as it is written, or refused, whatever the bytes', async () => {
    const change = fc.tuple(fc.nat(4095), fc.nat(255));
    const start = encodeIdAuth(signed);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), async (changes) => {
        const any = start.slice();
        for (const [at, value] of changes) any[at] = value;
        const code = await codeOf(() => expect(encodeIdAuth(parseIdAuth(any))).toEqual(any));
        expect(['ok', FILE]).toContain(code);
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (any) => {
        expect(await codeOf(() => parseIdAuth(any))).toBe(FILE);
      }),
    );
  });
});
