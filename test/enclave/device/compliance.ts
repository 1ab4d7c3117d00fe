/** What every report device must do, in the same sentences for the real one over the kernel's double and for the simulated one. */
import { afterEach, describe, expect, it } from 'vitest';
import { parseReport } from '../../../src/attestation/snp/report.ts';
import type { DeviceEvidence, ReportDevice } from '../../../src/enclave/device/report-device.ts';
import { ConfigurationError } from '../../../src/errors.ts';

/** A device under test, with its insides in the test's hands. */
export interface DeviceUnderTest {
  readonly device: ReportDevice;
  /** What every report must come along with: DER certificates in any order, and the list. */
  readonly endorsements: { readonly certificates: readonly Uint8Array[]; readonly crl: Uint8Array | null };
  /** Makes the next request fail for good. */
  readonly failNext: () => void;
  /** What the device has not tidied up. */
  readonly leftovers: () => readonly string[];
  readonly close: () => void;
}

const REFUSED = { name: 'ConfigurationError', code: 'ERR_CONFIGURATION_DEVICE' };
const bytesOf = (n: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => (n * 31 + i) & 0xff);
const sorted = (list: readonly Uint8Array[]): string[] => list.map((der) => Buffer.from(der).toString('hex')).sort();
const reportDataOf = ({ report }: DeviceEvidence): Uint8Array | undefined => parseReport(report).report?.reportData;

/** Runs the suite on devices that `open` makes; `kind` is what they must call themselves. */
export function deviceCompliance(name: string, kind: ReportDevice['kind'], open: () => Promise<DeviceUnderTest>): void {
  describe(`a report device: ${name}`, () => {
    const opened: DeviceUnderTest[] = [];
    const start = async (): Promise<DeviceUnderTest> => {
      const subject = await open();
      opened.push(subject);
      return subject;
    };
    afterEach(() => opened.splice(0).forEach((subject) => subject.close()));

    it('tells its kind', async () => {
      expect((await start()).device.kind).toBe(kind);
    });

    it('binds the 64 bytes into the report', async () => {
      const { device } = await start();
      const evidence = await device.getReport(bytesOf(1));
      expect(evidence.report.length).toBe(1184);
      expect(reportDataOf(evidence)).toEqual(bytesOf(1));
    });

    it('binds the bytes as they were when it was asked', async () => {
      const { device } = await start();
      const reportData = bytesOf(1);
      const asked = device.getReport(reportData);
      reportData.fill(0);
      expect(reportDataOf(await asked)).toEqual(bytesOf(1));
    });

    it.each([0, 1, 32, 63, 65, 128])('refuses %i bytes', async (size) => {
      const { device, leftovers } = await start();
      await expect(device.getReport(new Uint8Array(size))).rejects.toMatchObject(REFUSED);
      expect(leftovers()).toEqual([]);
    });

    it('gives each of the requests that come at the same time its own report', async () => {
      const { device, leftovers } = await start();
      const asked = Array.from({ length: 5 }, (_, n) => bytesOf(n));
      const given = await Promise.all(asked.map((reportData) => device.getReport(reportData)));
      expect(given.map(reportDataOf)).toEqual(asked);
      expect(leftovers()).toEqual([]);
    });

    it('gives certificates and revocation list as DER', async () => {
      const { device, endorsements } = await start();
      const { certificates, crl } = await device.getReport(bytesOf(1));
      expect(certificates.length).toBe(3);
      expect(sorted(certificates)).toEqual(sorted(endorsements.certificates));
      expect(crl).toEqual(endorsements.crl);
    });

    it('answers the next request after one that failed', async () => {
      const { device, failNext, leftovers } = await start();
      failNext();
      await expect(device.getReport(bytesOf(1))).rejects.toMatchObject(REFUSED);
      expect(leftovers()).toEqual([]);
      expect(reportDataOf(await device.getReport(bytesOf(2)))).toEqual(bytesOf(2));
    });

    it('lets one request fail and answers those beside it', async () => {
      const { device, failNext, leftovers } = await start();
      failNext();
      const outcomes = await Promise.allSettled([1, 2, 3].map((n) => device.getReport(bytesOf(n))));
      const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(failed).toMatchObject([REFUSED]);
      expect(failed[0]).toBeInstanceOf(ConfigurationError);
      expect(leftovers()).toEqual([]);
    });

    it('leaves nothing behind', async () => {
      const { device, leftovers } = await start();
      for (const n of [1, 2, 3]) await device.getReport(bytesOf(n));
      expect(leftovers()).toEqual([]);
    });
  });
}
