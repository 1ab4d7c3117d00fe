/** What QEMU is started with, read back as QEMU reads it: names, and lists of key=value in which a doubled comma stands for one. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type Carrier, type GuestMachine, qemuOptions, shellLine } from '../../src/image/qemu-options.ts';

const MACHINE: GuestMachine = {
  files: { kernel: '/i/vmlinuz', initrd: '/i/initrd.img', commandLine: 'quiet a=b,c', firmware: '/i/OVMF.amdsev.fd' },
  vcpus: 2,
  cpu: 'EPYC-Milan',
  memoryMb: 768,
  port: 9443,
  config: { path: '/c/a,b.config', digest: new Uint8Array(32).fill(7) },
};

/** Splits a list of QEMU's into its pairs; what stands first without a key has the key ''. */
function readList(text: string): Record<string, string> {
  const parts = text.split(/(?<!,),(?!,)/).map((part) => part.replaceAll(',,', ','));
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? ['', part] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

const SWITCHES = ['-no-user-config', '-nodefaults', '-no-reboot'];

/** Reads a command line: each flag with the values it was given, in order. */
function readOptions(carrier: Carrier, change: Partial<GuestMachine> = {}): Record<string, string[]> {
  const words = [...qemuOptions({ ...MACHINE, ...change }, carrier)];
  const flags: Record<string, string[]> = {};
  while (words.length > 0) {
    const flag = words.shift() ?? '';
    const value = SWITCHES.includes(flag) ? '' : words.shift();
    expect(flag).toMatch(/^-[a-z-]+$/);
    expect(value).toBeTypeOf('string');
    flags[flag] = [...(flags[flag] ?? []), value ?? ''];
  }
  return flags;
}

describe('a machine', () => {
  it.each(['sev-snp', 'emulated'] as const)(
    'that is %s has the measured parts and the shape that were asked for',
    (carrier) => {
      const flags = readOptions(carrier);
      expect(flags).toMatchObject({
        '-kernel': ['/i/vmlinuz'],
        '-initrd': ['/i/initrd.img'],
        '-append': ['quiet a=b,c'],
        '-cpu': ['EPYC-Milan'],
        '-smp': ['2'],
        '-m': ['768M'],
        '-nodefaults': [''],
        '-no-user-config': [''],
        '-no-reboot': [''],
      });
    },
  );

  it('reads its configuration as a disk that it cannot write to', () => {
    const flags = readOptions('emulated');
    const disk = { driver: 'raw', 'node-name': 'config', 'read-only': 'on', 'file.driver': 'file' };
    expect(flags['-blockdev']?.map(readList)).toEqual([{ ...disk, 'file.filename': '/c/a,b.config' }]);
    expect(flags['-device']?.map(readList)).toContainEqual(
      expect.objectContaining({ '': 'virtio-blk-pci', drive: 'config' }),
    );
  });

  it('is reached over the loopback of its host only', () => {
    const flags = readOptions('emulated');
    expect(flags['-netdev']?.map(readList)).toEqual([{ '': 'user', id: 'net', hostfwd: 'tcp:127.0.0.1:9443-:8443' }]);
  });

  it('has no other devices than these, and no monitor', () => {
    const flags = readOptions('emulated');
    expect(flags['-device']?.map((text) => readList(text)[''])).toEqual(['virtio-net-pci', 'virtio-blk-pci']);
    expect(flags['-serial']).toEqual(['stdio']);
    expect(flags['-monitor']).toBeUndefined();
  });
});

describe('a SEV-SNP guest', () => {
  const flags = readOptions('sev-snp');

  it('has kernel hashes, a policy without debugging, and the digest of its configuration in HOST_DATA', () => {
    const guest = flags['-object']?.map(readList).find((object) => object[''] === 'sev-snp-guest');
    expect(guest).toEqual({
      '': 'sev-snp-guest',
      id: 'snp',
      cbitpos: '51',
      'reduced-phys-bits': '1',
      policy: '0x30000',
      'kernel-hashes': 'on',
      'host-data': Buffer.alloc(32, 7).toString('base64'),
    });
  });

  it('runs on the processor, in private memory, with the firmware that compares the hashes', () => {
    expect(flags['-accel']).toEqual(['kvm']);
    expect(flags['-bios']).toEqual(['/i/OVMF.amdsev.fd']);
    expect(readList(flags['-machine']?.[0] ?? '')).toEqual({
      '': 'q35',
      vmport: 'off',
      'confidential-guest-support': 'snp',
      'memory-backend': 'memory',
    });
    const memory = flags['-object']?.map(readList).find((object) => object['id'] === 'memory');
    expect(memory).toMatchObject({ '': 'memory-backend-memfd', size: '768M', share: 'true' });
  });

  it('has devices that keep to the bounce buffers of the guest', () => {
    for (const device of flags['-device']?.map(readList) ?? [])
      expect(device).toMatchObject({ 'disable-legacy': 'on', iommu_platform: 'on' });
  });

  it('is not called simulated', () => expect(flags['-name']).toEqual(['anchorhold']));
});

describe('an emulated machine', () => {
  const flags = readOptions('emulated');

  it('says SIMULATED in its name', () => expect(flags['-name']).toEqual(['anchorhold-SIMULATED']));

  it('asks for no protection that it cannot have, and needs no KVM', () => {
    expect(flags['-object']).toBeUndefined();
    expect(flags['-bios']).toBeUndefined();
    expect(flags['-accel']).toEqual(['tcg']);
    expect(readList(flags['-machine']?.[0] ?? '')).toEqual({ '': 'q35', vmport: 'off' });
  });
});

describe('a command as one line', () => {
  it('is read back by a shell as it was', () => {
    const words = ['qemu', 'a b', "it's", '$HOME `x`', '', 'k=v,w', '*'];
    const script = `printf '%s\\0' ${shellLine(words)}`;
    expect(spawnSync('sh', ['-c', script], { encoding: 'utf8' }).stdout.split('\0').slice(0, -1)).toEqual(words);
  });
});
