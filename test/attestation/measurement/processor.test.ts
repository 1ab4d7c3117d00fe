/** CPU types, guest features and the first state of a processor. */
import { describe, expect, it } from 'vitest';
import { CPU_NAMES, familyAndModel, parseCpuType } from '../../../src/attestation/measurement/cpu.ts';
import { FEATURE_BITS, parseGuestFeatures } from '../../../src/attestation/measurement/guest-features.ts';
import { encodeVmsa, RESET_VECTOR, vmsaAddress } from '../../../src/attestation/measurement/vmsa.ts';
import { ConfigurationError } from '../../../src/errors.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'ok';
  } catch (error) {
    return error instanceof ConfigurationError ? error.code : String(error);
  }
};

describe('parseCpuType', () => {
  it('knows the names of QEMU and takes raw signatures', () => {
    expect(CPU_NAMES).toContain('EPYC-Milan-v2');
    expect(parseCpuType('EPYC-Genoa')).toEqual({ name: 'EPYC-Genoa', signature: 0xa10f10 });
    expect(parseCpuType('0x800F12')).toEqual({ name: '0x800F12', signature: 0x800f12 });
    expect(parseCpuType('0xffffffff').signature).toBe(0xffffffff);
  });

  it.each(['', 'epyc-milan', 'EPYC-Milan ', 'EPYC-v9', '800f12', '0x', '0x100000000', '0x80g', 'toString'])(
    'refuses "%s"',
    (text) => expect(codeOf(() => parseCpuType(text))).toBe('ERR_CONFIGURATION_USAGE'),
  );

  it.each([
    [0x800f12, 0x17, 0x01],
    [0xa00f11, 0x19, 0x01],
    [0xa10f10, 0x19, 0x11],
    [0xaa0f02, 0x19, 0xa0],
    [0xb00f00, 0x1a, 0x00],
  ])('reads family and model of %i', (signature, family, model) => {
    expect(familyAndModel(signature)).toEqual({ family, model });
  });
});

describe('parseGuestFeatures', () => {
  it('takes hexadecimal and decimal', () => {
    expect([parseGuestFeatures('0x21'), parseGuestFeatures('33'), parseGuestFeatures('0x0001')]).toEqual([
      33n,
      33n,
      1n,
    ]);
  });

  it('takes every known bit together with the first', () => {
    for (const bit of FEATURE_BITS.keys())
      expect(parseGuestFeatures(String(1 | (1 << bit)))).toBe(BigInt(1 | (1 << bit)));
  });

  it.each(['', '-1', '1.0', '0x', '21h', ' 1', '0x10000000000000001', '9999999999999999999', '0', '0x20'])(
    'refuses "%s"',
    (text) => expect(codeOf(() => parseGuestFeatures(text))).toBe('ERR_CONFIGURATION_USAGE'),
  );

  it('refuses each bit that is not known', () => {
    for (let bit = 0; bit < 64; bit++) {
      const text = `0x${(1n | (1n << BigInt(bit))).toString(16)}`;
      expect([bit, codeOf(() => parseGuestFeatures(text))]).toEqual([
        bit,
        FEATURE_BITS.has(bit) ? 'ok' : 'ERR_CONFIGURATION_USAGE',
      ]);
    }
  });
});

describe('encodeVmsa', () => {
  const start = { vmm: 'qemu', cpu: parseCpuType('EPYC-Milan'), address: RESET_VECTOR, guestFeatures: 0x21n } as const;
  const view = (changes: Partial<Parameters<typeof encodeVmsa>[0]>): DataView =>
    new DataView(encodeVmsa({ ...start, ...changes }).buffer);

  it('starts a processor at code base plus instruction pointer', () => {
    const first = view({});
    expect([first.getBigUint64(0x18, true), first.getBigUint64(0x178, true)]).toEqual([0xffff0000n, 0xfff0n]);
    const further = view({ address: 0x80b004 });
    expect([further.getBigUint64(0x18, true), further.getBigUint64(0x178, true)]).toEqual([0x800000n, 0xb004n]);
  });

  it('shows the signature on QEMU only', () => {
    expect(view({}).getBigUint64(0x310, true)).toBe(0xa00f11n);
    expect(view({ vmm: 'ec2' }).getBigUint64(0x310, true)).toBe(0x600n);
    expect(view({ vmm: 'gce', cpu: null }).getBigUint64(0x310, true)).toBe(0x600n);
  });

  it('marks the code segment of EC2 as accessed for all processors but the first', () => {
    expect(view({ vmm: 'ec2' }).getUint16(0x12, true)).toBe(0x9a);
    expect(view({ vmm: 'ec2', address: 0x80b004 }).getUint16(0x12, true)).toBe(0x9b);
    expect(view({ vmm: 'gce' }).getUint16(0x12, true)).toBe(0x9b);
  });

  it('holds the guest features, and nothing after the first kilobyte', () => {
    expect(view({}).getBigUint64(0x3b0, true)).toBe(0x21n);
    expect(
      encodeVmsa(start)
        .subarray(0x412)
        .every((byte) => byte === 0),
    ).toBe(true);
  });
});

describe('vmsaAddress', () => {
  it.each([
    ['qemu', 'EPYC-Genoa', 0xfffffffff000],
    ['ec2', 'EPYC-Genoa', 0xfffffffff000],
    ['gce', 'EPYC-Milan', 0xfffffffff000],
    ['gce', 'EPYC-v4', 0xfffffffff000],
    ['gce', 'EPYC-Genoa', 0xffffffffff000],
    ['gce', '0xa10f11', 0xffffffffff000],
  ] as const)('on %s for %s', (vmm, cpu, address) => {
    expect(vmsaAddress(vmm, parseCpuType(cpu))).toBe(address);
  });

  it('refuses to guess', () => {
    for (const cpu of ['EPYC-Turin', '0xaa0f02', '0x0']) {
      expect(codeOf(() => vmsaAddress('gce', parseCpuType(cpu)))).toBe('ERR_CONFIGURATION_USAGE');
    }
  });
});
