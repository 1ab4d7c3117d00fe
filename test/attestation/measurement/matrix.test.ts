import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCpuType } from '../../../src/attestation/measurement/cpu.ts';
import { ENFORCING_FIRMWARE, isEnforcing } from '../../../src/attestation/measurement/enforcing-firmware.ts';
import { parseFirmware } from '../../../src/attestation/measurement/firmware.ts';
import { type LaunchMatrix, measureFirmware, measureMatrix } from '../../../src/attestation/measurement/matrix.ts';
import { encodeHex } from '../../../src/base/bytes.ts';
import { sha384 } from '../../../src/base/digest.ts';
import { ConfigurationError } from '../../../src/errors.ts';
import { nativeSha384 } from '../../../src/io/native-digest.ts';
import { AMD_SEV_SECTIONS, firmwareImage } from './firmware-image.ts';

/** Fills the first page, so that its contents can be told from padding. */
const write = (bytes: Uint8Array): void => void bytes.fill(7, 100, 200);
const firmware = parseFirmware(firmwareImage({ write }));
const firmwareDigest = measureFirmware(firmware, nativeSha384);
const MILAN = parseCpuType('EPYC-Milan');
const boot = {
  kernelDigest: new Uint8Array(32).fill(1),
  initrdDigest: new Uint8Array(32).fill(2),
  commandLine: 'quiet',
};

const BASE: LaunchMatrix = {
  vmm: 'qemu',
  firmware,
  firmwareDigest,
  boot,
  enforcing: 'unchecked',
  guestFeatures: 1n,
  vcpus: [2],
  cpus: [MILAN],
};

/** Measures what differs in one thing from `BASE`; gives the digests in hex, or the code of a typed refusal. */
function digests(changes: Partial<LaunchMatrix> = {}): readonly string[] | string {
  try {
    return measureMatrix({ ...BASE, ...changes }, nativeSha384).map(({ digest }) => encodeHex(digest));
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.code;
  }
}

/** Measures another firmware file as `BASE` otherwise is. */
function withFirmware(changes: Parameters<typeof firmwareImage>[0]): Partial<LaunchMatrix> {
  const other = parseFirmware(firmwareImage({ write, ...changes }));
  return { firmware: other, firmwareDigest: measureFirmware(other, nativeSha384) };
}

describe('measureFirmware', () => {
  it('hashes each page together with its address and what came before', () => {
    const sha = (...parts: readonly Uint8Array[]): Buffer =>
      parts.reduce((hash, part) => hash.update(part), createHash('sha384')).digest();
    const info = (address: bigint): Buffer => {
      const end = Buffer.from('7000010000000000'.padEnd(32, '0'), 'hex');
      end.writeBigUInt64LE(address, 8);
      return end;
    };
    const [first, second] = [firmware.bytes.subarray(0, 4096), firmware.bytes.subarray(4096)];
    const afterFirst = sha(new Uint8Array(48), sha(first), info(0xffffe000n));
    expect(encodeHex(firmwareDigest)).toBe(sha(afterFirst, sha(second), info(0xfffff000n)).toString('hex'));
  });

  it('is the same with the pure SHA-384, and wherever the bytes lie in memory', () => {
    const shifted = Buffer.concat([Buffer.alloc(3), firmware.bytes]).subarray(3);
    expect(measureFirmware(firmware, sha384)).toEqual(new Uint8Array(firmwareDigest));
    expect(measureFirmware({ ...firmware, bytes: shifted }, nativeSha384)).toEqual(firmwareDigest);
  });

  it('is the same whether pages repeat or not: no page stands for another', () => {
    const page = fc.constantFrom(0, 0xff, 7).map((value) => Buffer.alloc(4096, value));
    const pages = fc.array(page, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pages, fc.nat(), fc.nat(255), (all, where, value) => {
        const bytes = Buffer.concat(all);
        bytes[where % bytes.length] = value;
        const plain = all.reduce((digest, _, i) => {
          const contents = createHash('sha384')
            .update(bytes.subarray(i * 4096, (i + 1) * 4096))
            .digest();
          const end = Buffer.from('70000100000000000000000000000000', 'hex');
          end.writeUInt32LE(0x1000 * i, 8);
          return createHash('sha384').update(digest).update(contents).update(end).digest();
        }, Buffer.alloc(48));
        expect(measureFirmware({ ...firmware, bytes, address: 0 }, nativeSha384)).toEqual(plain);
      }),
      { numRuns: 50 },
    );
  });
});

describe('measureMatrix', () => {
  it('gives each count with each CPU type, in the order in which they are named, and each once', () => {
    const cpus = ['EPYC-Genoa', '0x800f12'].map(parseCpuType);
    const rows = measureMatrix({ ...BASE, vcpus: [4, 1, 4], cpus }, nativeSha384);
    expect(rows.map(({ vcpus, cpu }) => [vcpus, cpu?.name])).toEqual([
      [4, 'EPYC-Genoa'],
      [4, '0x800f12'],
      [1, 'EPYC-Genoa'],
      [1, '0x800f12'],
    ]);
  });

  it('gives in a matrix what each shape gives alone', () => {
    const cpus = ['EPYC-v4', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-Turin'].map(parseCpuType);
    const vcpus = [1, 2, 3, 8];
    const alone = vcpus.flatMap((count) => cpus.flatMap((cpu) => digests({ vcpus: [count], cpus: [cpu] })));
    expect(alone).toHaveLength(16);
    expect(new Set(alone).size).toBe(16);
    expect(digests({ vcpus, cpus })).toEqual(alone);
  });

  it('measures shared pages once, however many shapes there are', () => {
    const calls = { one: 0, many: 0 };
    const counting = (name: 'one' | 'many') => (bytes: Uint8Array) => {
      calls[name]++;
      return nativeSha384(bytes);
    };
    measureMatrix({ ...BASE, vcpus: [1] }, counting('one'));
    const cpus = ['EPYC-v4', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-Turin'].map(parseCpuType);
    measureMatrix({ ...BASE, vcpus: [1, 2, 3, 4], cpus }, counting('many'));
    // One shape: its processor state and one page; each of four CPU types: two states and four pages.
    expect(calls.many - calls.one).toBe(4 * 6 - 2);
  });

  // Found by this code when it gave all digests that other programs gave (vectors.test.ts): holds it where those are not at hand.
  it.each([
    ['qemu', '54eb973d2ec39cb430a17498d098cf981ff0598a3f42f0d15841a4698cb196415c30be11b8930d3ab807fc7da294d822'],
    ['ec2', 'c384245042b1c23c8ebdc807a5c40198e1bccb6ebfce42f9d4404fc7f9abb0ad48a3b22de8711a164ec58de6c742d8a9'],
    ['gce', '83202db4f74acdc2c950fbd19f50b0f3a5e2e4e912e6d61a98c94ba3e6084124cbeacf2ddfb6b7c78d3c3c8aa14125cd'],
  ] as const)('keeps the digest of a made image on %s', (vmm, digest) => {
    expect(digests({ vmm, cpus: [parseCpuType('EPYC-Rome')] })).toEqual([digest]);
  });

  it('gives the same with the pure SHA-384', () => {
    const pure = measureMatrix({ ...BASE, firmwareDigest: measureFirmware(firmware, sha384) }, sha384);
    expect(pure.map(({ digest }) => encodeHex(digest))).toEqual(digests());
  });

  it.each<[string, Partial<LaunchMatrix>]>([
    ['one vCPU more', { vcpus: [3] }],
    ['another CPU type', { cpus: [parseCpuType('EPYC-Genoa')] }],
    ['another host', { vmm: 'ec2' }],
    ['yet another host', { vmm: 'gce' }],
    ['another guest feature', { guestFeatures: 0x21n }],
    ['no kernel', { boot: null }],
    ['another kernel', { boot: { ...boot, kernelDigest: new Uint8Array(32) } }],
    ['another initrd', { boot: { ...boot, initrdDigest: new Uint8Array(32) } }],
    ['no initrd', { boot: { ...boot, initrdDigest: null } }],
    ['a space in the command line', { boot: { ...boot, commandLine: 'quiet ' } }],
    ['another digest of the firmware', { firmwareDigest: new Uint8Array(48) }],
    ['one byte of the firmware', withFirmware({ write: (bytes) => void bytes.fill(7, 100, 201) })],
    ['a longer firmware', withFirmware({ pages: 3 })],
    ['another reset address', withFirmware({ resetAddress: 0x80b014 })],
    ['another place of the hash table', withFirmware({ hashTable: [0x810c10, 0x3f0] })],
    ['sections in another order', withFirmware({ sections: AMD_SEV_SECTIONS.toReversed() })],
    ['one section less', withFirmware({ sections: AMD_SEV_SECTIONS.slice(1) })],
  ])('gives another digest for %s', (_name, changes) => {
    const [other] = digests(changes);
    expect(other).toMatch(/^[0-9a-f]{96}$/);
    expect([other]).not.toEqual(digests());
  });

  it.each<[string, Partial<LaunchMatrix>, Partial<LaunchMatrix>]>([
    ['EC2 hides the CPU type', { vmm: 'ec2', cpus: [null] }, { vmm: 'ec2', cpus: [MILAN] }],
    [
      'GCE hides the CPU type, and Milan is the narrow one',
      { vmm: 'gce', cpus: [null] },
      { vmm: 'gce', cpus: [MILAN] },
    ],
    ['one name of a CPU type is its signature', { cpus: [MILAN] }, { cpus: [parseCpuType('0xa00f11')] }],
    [
      'an initrd that is empty is as none',
      { boot: { ...boot, initrdDigest: null } },
      { boot: { ...boot, initrdDigest: createHash('sha256').digest() } },
    ],
    [
      'EC2 adds the CPUID page last, wherever its section stands',
      { vmm: 'ec2' },
      {
        vmm: 'ec2',
        firmware: {
          ...firmware,
          sections: [
            ...firmware.sections.filter(({ kind }) => kind === 'cpuid'),
            ...firmware.sections.filter(({ kind }) => kind !== 'cpuid'),
          ],
        },
      },
    ],
  ])('gives one digest where nothing differs: %s', (_name, one, other) => {
    expect(digests(one)).toEqual(digests(other));
  });

  it('puts the processor state of Genoa elsewhere on GCE', () => {
    const genoa = digests({ vmm: 'gce', cpus: [parseCpuType('EPYC-Genoa')] });
    expect(genoa).toHaveLength(1);
    expect(genoa).not.toEqual(digests({ vmm: 'gce', cpus: [MILAN] }));
  });

  it('needs no reset block for one vCPU', () => {
    const without = withFirmware({ resetAddress: null });
    expect(digests({ ...without, vcpus: [1] })).toHaveLength(1);
    expect(digests({ ...without, vcpus: [2] })).toBe('ERR_CONFIGURATION_FILE');
  });

  it('needs no place for kernel hashes when no kernel is booted directly', () => {
    const without = withFirmware({ sections: AMD_SEV_SECTIONS.slice(0, -1), hashTable: null });
    expect(digests({ ...without, boot: null })).toHaveLength(1);
    expect(digests(without)).toBe('ERR_CONFIGURATION_FILE');
  });

  it.each<[string, Partial<LaunchMatrix>, string]>([
    ['a hash table that begins before its section', withFirmware({ hashTable: [0x80fff0, 0x400] }), 'FILE'],
    ['a hash table that ends after its section', withFirmware({ hashTable: [0x810c00, 0x401] }), 'FILE'],
    ['a hash table that is too small', withFirmware({ hashTable: [0x810c00, 175] }), 'FILE'],
    ['a hash table without an address', withFirmware({ hashTable: [0, 0x400] }), 'FILE'],
    ['no vCPU', { vcpus: [0] }, 'USAGE'],
    ['no counts', { vcpus: [] }, 'USAGE'],
    ['half a vCPU', { vcpus: [1.5] }, 'USAGE'],
    ['more vCPUs than the cap', { vcpus: [4097] }, 'USAGE'],
    ['no CPU type on QEMU', { cpus: [null] }, 'USAGE'],
    ['a processor on GCE of which nothing is known', { vmm: 'gce', cpus: [parseCpuType('EPYC-Turin')] }, 'USAGE'],
  ])('refuses %s', (_name, changes, kind) => {
    expect(digests(changes)).toBe(`ERR_CONFIGURATION_${kind}`);
  });
});

describe('the list of enforcing firmware', () => {
  const listed = { name: 'ours', digest: encodeHex(firmwareDigest), sha256: '', added: '2026-11-21' };

  it('lets a listed firmware promise a kernel', () => {
    expect(digests({ enforcing: [listed] })).toEqual(digests());
  });

  it('refuses a firmware that is not listed, before anything is measured', () => {
    let calls = 0;
    const counting = (bytes: Uint8Array): Uint8Array => {
      calls++;
      return nativeSha384(bytes);
    };
    const other = withFirmware({ write: (bytes) => void bytes.fill(8, 100, 200) });
    expect(() => measureMatrix({ ...BASE, ...other, enforcing: [listed] }, counting)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }),
    );
    expect(calls).toBe(0);
  });

  it('allows nothing when it is empty', () => {
    expect(digests({ enforcing: [] })).toBe('ERR_CONFIGURATION_FILE');
  });

  it('is not asked when there is no kernel to promise', () => {
    expect(digests({ enforcing: [], boot: null })).toEqual(digests({ boot: null }));
  });

  it('names each firmware by a launch digest, and each once', () => {
    expect(ENFORCING_FIRMWARE.length).toBeGreaterThan(0);
    for (const { digest, sha256, added } of ENFORCING_FIRMWARE) {
      expect([digest, sha256, added].join(' ')).toMatch(/^[0-9a-f]{96} [0-9a-f]{64} \d{4}-\d\d-\d\d$/);
      expect(isEnforcing(Buffer.from(digest, 'hex'), ENFORCING_FIRMWARE)).toBe(true);
    }
    expect(new Set(ENFORCING_FIRMWARE.map(({ digest }) => digest)).size).toBe(ENFORCING_FIRMWARE.length);
    expect(isEnforcing(firmwareDigest, ENFORCING_FIRMWARE)).toBe(false);
  });
});
