/** Launch digests that other programs computed, and their ID block. The vectors are not part of the repository. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCpuType } from '../../../src/attestation/measurement/cpu.ts';
import { ENFORCING_FIRMWARE } from '../../../src/attestation/measurement/enforcing-firmware.ts';
import { parseFirmware } from '../../../src/attestation/measurement/firmware.ts';
import { parseGuestFeatures } from '../../../src/attestation/measurement/guest-features.ts';
import { encodeIdAuth, parseIdAuth } from '../../../src/attestation/measurement/id-auth.ts';
import { encodeIdBlock, parseIdBlock } from '../../../src/attestation/measurement/id-block.ts';
import { encodeIdKey, idKeyDigest } from '../../../src/attestation/measurement/id-key.ts';
import { encodeKernelHashes } from '../../../src/attestation/measurement/kernel-hashes.ts';
import { measureFirmware, measureMatrix } from '../../../src/attestation/measurement/matrix.ts';
import { encodeVmsa, RESET_VECTOR, type Vmm } from '../../../src/attestation/measurement/vmsa.ts';
import { encodeHex, parseHex } from '../../../src/base/bytes.ts';
import { nativeSha384 } from '../../../src/io/native-digest.ts';
import { skipUnless } from '../../skips.ts';
import { VECTORS } from '../../vectors.ts';
import { firmwareImage } from './firmware-image.ts';

interface Vector {
  readonly name: string;
  readonly vmm: Vmm;
  readonly vcpus: number;
  readonly vcpu_type: string | null;
  readonly vcpu_sig: string | null;
  readonly guest_features: string;
  readonly ovmf: string;
  readonly kernel: string | null;
  readonly initrd: string | null;
  readonly append: string | null;
  readonly ovmf_hash?: string | null;
  readonly ovmf_hash_alone?: string;
  readonly expected: string;
  readonly debian?: { readonly sha256: string };
}

interface Index {
  readonly vectors: readonly Vector[];
  readonly errors: readonly Vector[];
  readonly id_block: readonly Readonly<Record<string, string>>[];
  readonly intermediates: {
    readonly vmsa_bsp_sha384: Readonly<Record<string, string>>;
    readonly hash_table_hex: Readonly<Record<string, string>>;
    readonly vcpu_sigs: Readonly<Record<string, string>>;
  };
}

const FOLDER = join(VECTORS ?? '', 'measure');
const present = VECTORS !== null && existsSync(join(FOLDER, 'index.json'));
const whenPresent = skipUnless(present, 'the shared vectors are not here');
const index = (): Index => JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as Index;
const read = (file: string): Uint8Array<ArrayBuffer> => Uint8Array.from(readFileSync(join(FOLDER, file)));
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/** Where Debian's package puts the one firmware that is not among the vectors. */
const DEBIAN_FIRMWARE = '/usr/share/ovmf/OVMF.amdsev.fd';

/** Measures a vector with a firmware and the digest of its pages; a firmware on the list needs no leave. */
function measure(vector: Vector, ovmf: Uint8Array, firmwareDigest: string | null, unchecked: boolean): string[] {
  const firmware = parseFirmware(ovmf);
  const { vmm, vcpus, kernel, initrd, append } = vector;
  const boot =
    kernel === null
      ? null
      : {
          kernelDigest: sha256(read(kernel)),
          initrdDigest: initrd === null ? null : sha256(read(initrd)),
          commandLine: append ?? '',
        };
  const published = firmwareDigest === null ? null : parseHex(firmwareDigest, 48);
  const rows = measureMatrix(
    {
      vmm,
      firmware,
      firmwareDigest: published ?? measureFirmware(firmware, nativeSha384),
      boot,
      enforcing: unchecked ? 'unchecked' : ENFORCING_FIRMWARE,
      guestFeatures: parseGuestFeatures(vector.guest_features),
      vcpus: [vcpus],
      cpus: [vector.vcpu_type === null ? null : parseCpuType(vector.vcpu_type)],
    },
    nativeSha384,
  );
  return rows.map(({ digest }) => encodeHex(digest));
}

describe('the launch digests of the vectors', () => {
  whenPresent('are 14, all as expected, one of them with a firmware of which only digest and tables are known', () => {
    const { vectors } = index();
    const results = vectors.map((vector) => {
      const { name, debian, expected } = vector;
      // Debian's firmware has the sections of the made image; the digest of its pages is published beside the vector.
      const digests =
        debian === undefined
          ? measure(vector, read(vector.ovmf), vector.ovmf_hash ?? null, true)
          : measure(vector, firmwareImage(), vector.ovmf_hash_alone ?? null, false);
      return { name, right: digests.length === 1 && digests[0] === expected };
    });
    expect(results.filter(({ right }) => !right)).toEqual([]);
    expect(results).toHaveLength(14);
  });

  skipUnless(present && existsSync(DEBIAN_FIRMWARE), "Debian's ovmf-amdsev is not installed")(
    'hold for the very file of Debian, which may promise a kernel',
    () => {
      const vector = index().vectors.find(({ debian }) => debian !== undefined);
      const ovmf = Uint8Array.from(readFileSync(DEBIAN_FIRMWARE));
      expect(encodeHex(sha256(ovmf))).toBe(vector?.debian?.sha256);
      expect(vector === undefined ? [] : measure(vector, ovmf, null, false)).toEqual([vector?.expected]);
    },
  );

  whenPresent('refuse a kernel where the firmware has no place for its hash, even unchecked', () => {
    const { errors } = index();
    expect(errors).toHaveLength(1);
    for (const vector of errors) {
      expect(() => measure(vector, read(vector.ovmf), null, true)).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }),
      );
    }
  });

  whenPresent('agree in what they are made of: processor states, signatures, hash table', () => {
    const { vmsa_bsp_sha384, vcpu_sigs, hash_table_hex } = index().intermediates;
    const states = Object.entries(vmsa_bsp_sha384);
    expect(states).toHaveLength(6);
    for (const [name, expected] of states) {
      const [vmm = '', cpu = '', features = ''] = name.split(':');
      const start = { vmm: vmm.toLowerCase() as Vmm, cpu: parseCpuType(cpu), address: RESET_VECTOR };
      const page = encodeVmsa({ ...start, guestFeatures: parseGuestFeatures(features) });
      expect([name, encodeHex(nativeSha384(page))]).toEqual([name, expected]);
    }
    expect(Object.keys(vcpu_sigs)).toHaveLength(16);
    for (const [name, signature] of Object.entries(vcpu_sigs)) {
      expect([name, parseCpuType(name).signature]).toEqual([name, Number(signature)]);
    }
    const boot = {
      kernelDigest: sha256(read('kernel-5000.bin')),
      initrdDigest: sha256(read('initrd-3001.bin')),
      commandLine: 'quiet',
    };
    expect(Object.values(hash_table_hex)).toEqual([encodeHex(encodeKernelHashes(boot))]);
  });
});

describe('the ID block of the vectors', () => {
  whenPresent('is encoded and read as expected, and so are its keys', () => {
    const blocks = index().id_block;
    expect(blocks).toHaveLength(1);
    for (const vector of blocks) {
      const hex = (name: string): Uint8Array => parseHex(vector[name] ?? '') ?? new Uint8Array();
      const block = {
        launchDigest: hex('launch_digest'),
        familyId: hex('family_id'),
        imageId: hex('image_id'),
        guestSvn: Number(vector['guest_svn']),
        guestPolicy: BigInt(vector['policy'] ?? ''),
      };
      expect(encodeHex(encodeIdBlock(block))).toBe(vector['id_block_hex']);
      expect(parseIdBlock(hex('id_block_hex'))).toEqual(block);
      expect(encodeHex(idKeyDigest(read(vector['id_key_spki'] ?? '')))).toBe(vector['id_key_digest']);
      expect(encodeHex(idKeyDigest(read(vector['author_key_spki'] ?? '')))).toBe(vector['author_key_digest']);
    }
  });

  whenPresent('has an ID auth that is read, holds the two signatures, and is written back as it was', async () => {
    const bytes = read('virtee-test_auth_block.bin');
    const auth = parseIdAuth(bytes);
    expect(encodeHex(encodeIdAuth(auth))).toBe(encodeHex(bytes));
    expect(encodeHex(bytes.subarray(0x40, 0x240))).toBe(encodeHex(read('virtee-test_id_sig.bin')));
    expect(encodeHex(bytes.subarray(0x680, 0x880))).toBe(encodeHex(read('virtee-test_auth_sig.bin')));
    const { subtle } = globalThis.crypto;
    const { author, idKey } = auth;
    if (author === null) throw new Error('the vector has an author');
    const key = await subtle.importKey('spki', author.spki, { name: 'ECDSA', namedCurve: 'P-384' }, true, ['verify']);
    const vouched = encodeIdKey(idKey.spki);
    expect(await subtle.verify({ name: 'ECDSA', hash: 'SHA-384' }, key, author.signature, vouched)).toBe(true);
  });

  it('is looked for at all', () => {
    expect(VECTORS === null || present).toBe(true);
  });
});
