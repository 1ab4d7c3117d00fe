import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openConfigfsTsm } from '../../../src/enclave/device/configfs-tsm.ts';
import type { ReportDevice } from '../../../src/enclave/device/report-device.ts';
import { skipUnless } from '../../skips.ts';
import { VECTORS } from '../../vectors.ts';
import { type KernelBehaviour, type KernelDouble, kernelDouble, kernelError } from './kernel-double.ts';

const DATA = new Uint8Array(64).fill(7);
const REFUSED = { name: 'ConfigurationError', code: 'ERR_CONFIGURATION_DEVICE' };
const kernels: KernelDouble[] = [];
afterEach(() => kernels.splice(0).forEach((kernel) => kernel.remove()));

interface Opened {
  readonly kernel: KernelDouble;
  readonly pauses: number[];
  readonly opening: Promise<ReportDevice>;
}

function newKernel(behaviour: KernelBehaviour = {}): KernelDouble {
  const kernel = kernelDouble(behaviour);
  kernels.push(kernel);
  return kernel;
}

function open(behaviour: KernelBehaviour = {}, over: { privilegeLevel?: number } = {}): Opened {
  const kernel = newKernel(behaviour);
  const pauses: number[] = [];
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  return { kernel, pauses, opening: openConfigfsTsm({ root: kernel.root, files: kernel.files, pause, ...over }) };
}

/** Throws this error of the kernel the first `times` times the operation is made. */
function failing(operation: string, code: string, times: number): KernelBehaviour {
  let left = times;
  return {
    before: (made) => {
      if (made === operation && left-- > 0) throw kernelError(code);
    },
  };
}

describe('the SEV-SNP device', () => {
  it('asks for a report in a directory of its own, in the order the kernel wants, and leaves nothing behind', async () => {
    const report = (data: Uint8Array): Uint8Array => {
      const bytes = new Uint8Array(1184);
      bytes.set(data, 0x50);
      return bytes;
    };
    const { kernel, opening } = open({ report });
    const device = await opening;
    const boot = kernel.log.length;
    expect(device.kind).toBe('sev-snp');
    const evidence = await device.getReport(DATA);
    expect(evidence).toEqual({ report: report(DATA), certificates: [], crl: null });
    expect(kernel.log.slice(boot)).toEqual([
      'mkdir',
      'read provider',
      'read generation',
      'write privlevel',
      'write inblob',
      'read outblob',
      'read auxblob',
      'read generation',
      'rmdir',
    ]);
    expect(kernel.leftovers()).toEqual([]);
  });

  it('answers requests made at the same time, each with its own report', async () => {
    const { opening } = open({ report: (data) => new Uint8Array(1184).fill(data[0] ?? 0) });
    const device = await opening;
    const made = await Promise.all([1, 2, 3].map((n) => device.getReport(new Uint8Array(64).fill(n))));
    expect(made.map(({ report }) => report[0])).toEqual([1, 2, 3]);
  });

  it.each(['', 'tdx_guest', 'sev_guest2', 'arm_cca_guest'])('is not opened for the provider "%s"', async (provider) => {
    const { kernel, opening } = open({ provider });
    await expect(opening).rejects.toMatchObject(REFUSED);
    expect(kernel.log).not.toContain('write inblob');
    expect(kernel.leftovers()).toEqual([]);
  });

  it('is not opened where configfs is missing', async () => {
    const root = join(newKernel().root, 'missing');
    await expect(openConfigfsTsm({ root })).rejects.toMatchObject(REFUSED);
  });

  it.each([0, 32, 63, 65])('asks for nothing over %i bytes of report data', async (size) => {
    const { kernel, opening } = open();
    const device = await opening;
    const boot = kernel.log.length;
    await expect(device.getReport(new Uint8Array(size))).rejects.toMatchObject(REFUSED);
    expect(kernel.log.length).toBe(boot);
  });

  it.each([0, 1183, 1185])('refuses a report of %i bytes', async (size) => {
    const { kernel, opening } = open({ report: () => new Uint8Array(size) });
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
    expect(kernel.leftovers()).toEqual([]);
  });

  it('refuses a broken certificate table', async () => {
    const { opening } = open({ certificateTable: new Uint8Array(10).fill(1) });
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
  });
});

describe('the privilege level', () => {
  const level = (_data: Uint8Array, privilegeLevel: number): Uint8Array => new Uint8Array(1184).fill(privilegeLevel);

  it.each(['0', '1', '2', '3'])('is the highest that the kernel allows: %s', async (floor) => {
    const { opening } = open({ floor, report: level });
    expect((await (await opening).getReport(DATA)).report[0]).toBe(Number(floor));
  });

  it.each([
    ['0', 3],
    ['1', 1],
    ['1', 2],
  ])('with a floor of %s may be %i', async (floor, privilegeLevel) => {
    const { opening } = open({ floor, report: level }, { privilegeLevel });
    expect((await (await opening).getReport(DATA)).report[0]).toBe(privilegeLevel);
  });

  it.each([
    ['1', 0],
    ['3', 2],
    ['0', 4],
    ['0', -1],
    ['0', 1.5],
    ['0', Number.NaN],
  ])('with a floor of %s may not be %d', async (floor, privilegeLevel) => {
    const { kernel, opening } = open({ floor }, { privilegeLevel });
    await expect(opening).rejects.toMatchObject(REFUSED);
    expect(kernel.log).not.toContain('write privlevel');
    expect(kernel.leftovers()).toEqual([]);
  });

  it.each(['', 'none', '-1', '4'])('is not asked for when the floor is "%s"', async (floor) => {
    const { kernel, opening } = open({ floor });
    await expect(opening).rejects.toMatchObject(REFUSED);
    expect(kernel.leftovers()).toEqual([]);
  });
});

describe('a failure', () => {
  /** What a message says about each error; the rest of it is the same everywhere. */
  const CASES: readonly [string, string, RegExp][] = [
    ['mkdir', 'ENOENT', /load the module sev-guest and mount configfs/],
    ['mkdir', 'EACCES', /run the worker as root/],
    ['mkdir', 'EPERM', /run the worker as root/],
    ['mkdir', 'ENXIO', /load the module sev-guest/],
    ['read outblob', 'EFBIG', /larger than the kernel hands out/],
    ['write privlevel', 'EINVAL', /the kernel refused the request/],
    ['read outblob', 'EIO', /the firmware refused/],
    ['read outblob', 'EBUSY', /tried 6 times.*busy each time/],
    ['read outblob', 'EBADMSG', /look at the kernel log/],
  ];

  it.each(CASES)('at %s with %s says what to do, in our words only', async (operation, code, expected) => {
    let armed = false;
    const { kernel, opening } = open({
      before: (made) => {
        if (armed && made === operation) throw kernelError(code);
      },
    });
    const device = await opening;
    armed = true;
    const error = await device.getReport(DATA).catch((cause: unknown) => cause);
    expect(error).toMatchObject(REFUSED);
    const message = error instanceof Error ? error.message : '';
    expect(message).toMatch(expected);
    expect(message).toContain(kernel.root);
    expect(message).toContain(`(${code})`);
    expect(message).not.toMatch(/Error:|from the kernel|anchorhold-[0-9a-f]{16}/);
    expect(kernel.leftovers()).toEqual([]);
  });

  it('to find the folder names the folder, and quotes nothing', async () => {
    const root = join(newKernel().root, 'missing');
    const error = await openConfigfsTsm({ root }).catch((cause: unknown) => cause);
    const message = error instanceof Error ? error.message : '';
    expect(message).toContain(`there is no report device at ${root}: there is no such folder`);
    expect(message).not.toMatch(/Error:|mkdir/);
  });

  it('of a write that configfs hides is refused', async () => {
    const { kernel, opening } = open({ losesWrites: true });
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
    expect(kernel.leftovers()).toEqual([]);
  });
});

describe('a directory that the kernel does not let go', () => {
  it('is removed when it does', async () => {
    const { kernel, pauses, opening } = open(failing('rmdir', 'EBUSY', 2));
    await opening;
    expect(pauses).toEqual([20, 40]);
    expect(kernel.leftovers()).toEqual([]);
  });

  it('is told of', async () => {
    const { opening } = open(failing('rmdir', 'EPERM', 1));
    await expect(opening).rejects.toMatchObject(REFUSED);
  });

  it('does not hide why the request failed', async () => {
    const { opening } = open({
      before: (made) => {
        if (made === 'read privlevel_floor') throw kernelError('EIO');
        if (made === 'rmdir') throw kernelError('EPERM');
      },
    });
    await expect(opening).rejects.toMatchObject({ ...REFUSED, cause: { code: 'EIO' } });
  });
});

describe('a device that is busy', () => {
  const OPERATIONS = ['mkdir', 'read generation', 'write privlevel', 'write inblob', 'read outblob', 'read auxblob'];

  it.each(
    ['EBUSY', 'EINTR', 'EAGAIN', 'EWOULDBLOCK'].flatMap((code) => OPERATIONS.map((operation) => ({ code, operation }))),
  )('is asked again after $code at $operation, in a new directory', async ({ code, operation }) => {
    const { kernel, pauses, opening } = open(failing(operation, code, 2));
    expect((await (await opening).getReport(DATA)).report.length).toBe(1184);
    expect(pauses).toEqual([20, 40]);
    expect(kernel.leftovers()).toEqual([]);
  });

  it('is given up after six attempts', async () => {
    const { kernel, pauses, opening } = open(failing('read outblob', 'EBUSY', 100));
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
    expect(pauses).toEqual([20, 40, 80, 160, 320]);
    expect(kernel.log.filter((operation) => operation === 'read outblob').length).toBe(6);
    expect(kernel.leftovers()).toEqual([]);
  });

  it.each(['EFBIG', 'EINVAL', 'ENXIO', 'EIO'])('is not asked again after %s', async (code) => {
    const { kernel, pauses, opening } = open(failing('read outblob', code, 1));
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
    expect(pauses).toEqual([]);
    expect(kernel.leftovers()).toEqual([]);
  });
});

describe('a request that someone else writes to', () => {
  it('is discarded and made again', async () => {
    let races = 1;
    const { pauses, opening } = open({
      before: (operation, _directory, bumpGeneration) => {
        if (operation === 'read auxblob' && races-- > 0) bumpGeneration();
      },
    });
    expect((await (await opening).getReport(DATA)).report.length).toBe(1184);
    expect(pauses).toEqual([20]);
  });

  it('is refused when it goes on', async () => {
    const { opening } = open({
      before: (operation, _directory, bumpGeneration) => {
        if (operation === 'read auxblob') bumpGeneration();
      },
    });
    await expect((await opening).getReport(DATA)).rejects.toMatchObject(REFUSED);
  });
});

describe('a directory that the image handed over', () => {
  /** Makes it as the image's init does, and opens the device for somebody who may make no other. */
  async function openHandedOver(
    behaviour: KernelBehaviour = {},
  ): Promise<{ kernel: KernelDouble; device: ReportDevice }> {
    const kernel = newKernel({ report: (data) => new Uint8Array(1184).fill(data[0] ?? 0), ...behaviour });
    await kernel.files.makeDirectory(join(kernel.root, 'anchorhold'));
    const files = { ...kernel.files, makeDirectory: () => Promise.reject(kernelError('EACCES')) };
    const device = await openConfigfsTsm({ root: kernel.root, files, pause: async () => undefined });
    return { kernel, device };
  }

  it('is used for every request, and stays', async () => {
    const { kernel, device } = await openHandedOver();
    const boot = kernel.log.length;
    expect((await device.getReport(DATA)).report[0]).toBe(7);
    expect((await device.getReport(new Uint8Array(64).fill(9))).report[0]).toBe(9);
    expect(kernel.log.slice(boot)).not.toContain('rmdir');
    expect(kernel.leftovers()).toEqual(['anchorhold']);
  });

  it('is used by one request at a time', async () => {
    const { device } = await openHandedOver();
    const made = await Promise.all([1, 2, 3].map((n) => device.getReport(new Uint8Array(64).fill(n))));
    expect(made.map(({ report }) => report[0])).toEqual([1, 2, 3]);
  });

  it('serves the next request after one that failed', async () => {
    let isBroken = true;
    const { device } = await openHandedOver({
      before: (operation) => {
        if (operation === 'read outblob' && isBroken) throw kernelError('EIO');
      },
    });
    await expect(device.getReport(DATA)).rejects.toMatchObject(REFUSED);
    isBroken = false;
    expect((await device.getReport(DATA)).report[0]).toBe(7);
  });

  it('is not believed when somebody else writes to it', async () => {
    const { device } = await openHandedOver({
      before: (operation, _directory, bumpGeneration) => {
        if (operation === 'read auxblob') bumpGeneration();
      },
    });
    await expect(device.getReport(DATA)).rejects.toMatchObject(REFUSED);
  });

  it.each(['tdx_guest', ''])('is not used when its reports are from "%s"', async (provider) => {
    await expect(openHandedOver({ provider })).rejects.toMatchObject(REFUSED);
  });
});

describe('real files', () => {
  const directory = join(VECTORS ?? '', 'snp/genoa-v3-vcek-configfs-tsm-auxblob');
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(directory, name)));

  skipUnless(VECTORS !== null, 'no test vectors')('of a Genoa guest give its report and its certificates', async () => {
    const { opening } = open({ report: () => read('report.bin'), certificateTable: read('auxblob.bin') });
    const { report, certificates, crl } = await (await opening).getReport(DATA);
    expect(report).toEqual(read('report.bin'));
    expect(certificates).toEqual([read('ark.der'), read('ask.der'), read('vek.der')]);
    expect(crl).toBeNull();
  });
});
