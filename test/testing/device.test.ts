import { describe, expect, it } from 'vitest';
import { parseReport } from '../../src/attestation/snp/report.ts';
import type { ReportDevice } from '../../src/enclave/device/report-device.ts';
import { simulatedDevice } from '../../src/testing/index.ts';
import { sharedAmd } from './shared-amd.ts';

const amd = await sharedAmd();

describe('a simulated device', () => {
  it('is a device for the worker, whose reports commit to the bytes given', async () => {
    const device: ReportDevice = await simulatedDevice(amd, { vmpl: 2 });
    expect(device.kind).toBe('simulated');
    const reportData = new Uint8Array(64).fill(3);
    const evidence = await device.getReport(reportData);
    expect(parseReport(evidence.report).report).toMatchObject({ reportData, vmpl: 2 });
    expect(evidence.certificates.length).toBe(3);
    expect(evidence.crl).not.toBeNull();
  });

  it('gives the same certificates with every report', async () => {
    const device = await simulatedDevice(amd);
    const [first, second] = [await device.getReport(new Uint8Array(64)), await device.getReport(new Uint8Array(64))];
    expect(first.certificates).toEqual(second.certificates);
  });

  it('counts calls, and answers only when the gate opens', async () => {
    const gate = Promise.withResolvers<void>();
    const device = await simulatedDevice(amd, {}, { gate: () => gate.promise });
    let answered = false;
    const answer = device.getReport(new Uint8Array(64)).then(() => (answered = true));
    await Promise.resolve();
    expect([device.calls, answered]).toEqual([1, false]);
    gate.resolve();
    await answer;
    expect([device.calls, answered]).toEqual([1, true]);
  });
});
