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

function open(behaviour: KernelBehaviour = {}): Opened {
  const kernel = newKernel(behaviour);
  const pauses: number[] = [];
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  return { kernel, pauses, opening: openConfigfsTsm({ root: kernel.root, files: kernel.files, pause }) };
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

describe('a device that is busy', () => {
  const OPERATIONS = ['mkdir', 'read generation', 'write inblob', 'read outblob', 'read auxblob'];

  it.each(['EBUSY', 'EINTR', 'EAGAIN'].flatMap((code) => OPERATIONS.map((operation) => ({ code, operation }))))(
    'is asked again after $code at $operation, in a new directory',
    async ({ code, operation }) => {
      const { kernel, pauses, opening } = open(failing(operation, code, 2));
      expect((await (await opening).getReport(DATA)).report.length).toBe(1184);
      expect(pauses).toEqual([20, 40]);
      expect(kernel.leftovers()).toEqual([]);
    },
  );

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
