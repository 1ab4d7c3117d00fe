/** The edges of what can be measured and signed: the last value that is taken, the first that is not, and what is said about it. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseCpuType } from '../../../src/attestation/measurement/cpu.ts';
import { parseFirmware } from '../../../src/attestation/measurement/firmware.ts';
import {
  encodeIdAuth,
  type IdAuth,
  parseIdAuth,
  signIdBlock,
  verifyIdAuth,
} from '../../../src/attestation/measurement/id-auth.ts';
import type { IdBlock } from '../../../src/attestation/measurement/id-block.ts';
import { encodeIdKey, idKeyDigest, openIdSigner, parseIdKey } from '../../../src/attestation/measurement/id-key.ts';
import { kernelHashesPage } from '../../../src/attestation/measurement/kernel-hashes.ts';
import { measureFirmware, measureMatrix } from '../../../src/attestation/measurement/matrix.ts';
import { vmsaAddress } from '../../../src/attestation/measurement/vmsa.ts';
import { concatBytes } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { ConfigurationError, SecretError } from '../../../src/errors.ts';
import { nativeSha384 } from '../../../src/io/native-digest.ts';
import { AMD_SEV_SECTIONS, firmwareImage, GUIDS, words } from './firmware-image.ts';

/** Gives the message of a refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return 'not refused';
}

const boot = { kernelDigest: new Uint8Array(32), initrdDigest: null, commandLine: '' };

describe('a firmware', () => {
  it.each([
    ['no metadata', firmwareImage({ metadata: null }), 'it has no SEV metadata, so it cannot start an SEV-SNP guest'],
    [
      'a metadata entry of 8 bytes',
      firmwareImage({ metadata: null, entries: [[GUIDS.metadata, words(1, 2)]] }),
      'its SEV metadata entry has 8 bytes instead of 4',
    ],
    [
      'a section of an unknown type',
      firmwareImage({ sections: [{ address: 0x801000, size: 0x1000, type: 0x99 }] }),
      'its section at 0x801000 is of the unknown type 0x99',
    ],
    [
      'half a page',
      firmwareImage({ sections: [{ address: 0x801000, size: 0x800, type: 1 }] }),
      'its memory section at 0x801000, 2048 bytes, is not made of whole pages',
    ],
  ])('with %s is refused with what is wrong', (_name, image, problem) => {
    expect(refusal(() => parseFirmware(image))).toBe(`the firmware cannot be measured: ${problem}`);
  });

  const [, , , , , , hashes = { address: 0, size: 0, type: 0 }] = AMD_SEV_SECTIONS;
  const page = (table: readonly [number, number], sections = AMD_SEV_SECTIONS): string =>
    refusal(() => kernelHashesPage(parseFirmware(firmwareImage({ hashTable: table, sections })), boot));

  it('has room for kernel hashes anywhere in the section that is for them, and nowhere else', () => {
    const { address } = hashes;
    expect(page([address, 176])).toBe('not refused');
    expect(page([address + 4096 - 176, 176])).toBe('not refused');
    expect(page([address, 175])).toContain('its hash table of 175 bytes does not fit');
    expect(page([address - 1, 176])).toContain('does not fit');
    expect(page([address + 4096 - 175, 176])).toContain('does not fit');
    expect(page([address, 4096])).toBe('not refused');
    expect(page([address, 4097])).toContain('does not fit');
  });

  it('with a hash table but without that section has no room', () => {
    const others = AMD_SEV_SECTIONS.filter((section) => section !== hashes);
    expect(page([hashes.address, 176], others)).toContain('it has no kernel-hashes section');
  });
});

describe('a machine', () => {
  it('may have as many vCPUs as KVM starts, and no more', () => {
    const firmware = parseFirmware(firmwareImage());
    const firmwareDigest = measureFirmware(firmware, nativeSha384);
    const measure = (vcpus: readonly number[]): string =>
      refusal(() =>
        measureMatrix(
          { vmm: 'ec2', firmware, firmwareDigest, boot: null, enforcing: [], guestFeatures: 1n, vcpus, cpus: [null] },
          nativeSha384,
        ),
      );
    expect(measure([LIMITS.vcpus])).toBe('not refused');
    for (const vcpus of [[LIMITS.vcpus + 1], [0], [1.5], []])
      expect(measure(vcpus)).toContain('whole numbers from 1 to');
  });

  it('has its processor state where GCE puts it: Rome and Milan below 48 bits, Genoa below 52', () => {
    const at = (signature: string): number | string => {
      try {
        return vmsaAddress('gce', parseCpuType(signature));
      } catch (error) {
        return error instanceof ConfigurationError ? error.code : String(error);
      }
    };
    const below48 = 2 ** 48 - 4096;
    const below52 = 2 ** 52 - 4096;
    const refused = 'ERR_CONFIGURATION_USAGE';
    // Family and model: 17/00, 17/f0, 19/00, 19/0f, 19/10, 19/1f, 19/20, 18/10, 1a/0f, 1a/10.
    const signatures = '0x800f00 0x8f0f00 0xa00f00 0xa00ff0 0xa10f00 0xa10ff0 0xa20f00 0x910f00 0xb00ff0 0xb10f00';
    expect(signatures.split(' ').map(at)).toEqual([
      below48,
      below48,
      below48,
      below48,
      below52,
      below52,
      refused,
      refused,
      refused,
      refused,
    ]);
    expect(vmsaAddress('gce', null)).toBe(below48);
    expect(vmsaAddress('qemu', parseCpuType('0xa10f00'))).toBe(below48);
  });
});

const newSigner = async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  return await openIdSigner(Uint8Array.from(privateKey.export({ type: 'pkcs8', format: 'der' })));
};
const [idKey, author] = [await newSigner(), await newSigner()];
const block: IdBlock = {
  launchDigest: new Uint8Array(48),
  familyId: new Uint8Array(16),
  imageId: new Uint8Array(16),
  guestSvn: 0,
  guestPolicy: 0x30000n,
};
const whole = await signIdBlock(block, idKey, author);
const alone = await signIdBlock(block, idKey, null);

describe('ID auth', () => {
  const expected = { idKey: idKeyDigest(idKey.spki), author: idKeyDigest(author.spki) };

  it.each([
    ['another length', (bytes: Uint8Array) => bytes.subarray(1), 'has 4095 bytes instead of 4096'],
    ['another algorithm', (bytes: Uint8Array) => bytes.with(0, 2), 'names another algorithm than'],
    [
      'another algorithm of the author',
      (bytes: Uint8Array) => bytes.with(4, 2),
      'names another algorithm of the author',
    ],
    ['a byte between fields', (bytes: Uint8Array) => bytes.with(8, 1), 'has bytes where nothing may stand'],
  ])('with %s is refused with what is wrong', (_name, change, problem) => {
    expect(refusal(() => parseIdAuth(change(encodeIdAuth(whole))))).toContain(problem);
  });

  const verify = async (auth: IdAuth, keys: Parameters<typeof verifyIdAuth>[2]): Promise<string> => {
    try {
      await verifyIdAuth(block, auth, keys);
      return 'verified';
    } catch (error) {
      return error instanceof ConfigurationError ? error.message : `leaked ${String(error)}`;
    }
  };

  it('is verified by signatures of 96 bytes only: a byte more or less is no signature', async () => {
    expect(await verify(whole, expected)).toBe('verified');
    const { signature } = whole.idKey;
    for (const other of [new Uint8Array(), signature.slice(0, 95), concatBytes(signature, Uint8Array.of(0))]) {
      const auth = { ...whole, idKey: { ...whole.idKey, signature: other } };
      expect(await verify(auth, expected)).toBe('the ID auth does not sign this ID block');
    }
  });

  it('says which of the two authors is missing', async () => {
    expect(await verify(alone, expected)).toBe('the ID auth has no author key, but one is expected');
    expect(await verify(whole, { ...expected, author: null })).toBe(
      'the ID auth has an author key, but none is expected',
    );
    expect(await verify(alone, { ...expected, author: null })).toBe('verified');
  });

  it('has keys of exactly 1028 bytes', () => {
    const key = encodeIdKey(idKey.spki);
    expect(parseIdKey(key)).toEqual(idKey.spki);
    for (const other of [key.subarray(0, 1027), concatBytes(key, Uint8Array.of(0)), key.subarray(0, 148)])
      expect(refusal(() => parseIdKey(other))).toContain('not a P-384 key');
  });

  it('keeps the reason why a private key could not be opened', async () => {
    const failure = await openIdSigner(new Uint8Array(10)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SecretError);
    expect((failure as SecretError).cause).toBeInstanceOf(Error);
  });
});
