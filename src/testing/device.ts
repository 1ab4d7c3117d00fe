/** A report device over a simulated machine, with what tests need to hold it back and to count. It has the shape of the worker's devices. */
import type { MachineOptions, SimulatedAmd } from './simulated-amd.ts';

export interface SimulatedDeviceOptions {
  /** Is awaited before each report is signed, so that a test decides how long the firmware takes. */
  readonly gate?: () => Promise<void>;
}

export interface SimulatedDevice {
  readonly kind: 'simulated';
  /** Counts the reports that were asked for. */
  readonly calls: number;
  /** Gives a report over these 64 bytes with the machine's certificates. */
  getReport(reportData: Uint8Array): Promise<{
    readonly report: Uint8Array;
    readonly certificates: readonly Uint8Array[];
    readonly crl: Uint8Array | null;
  }>;
}

/** Opens a device whose reports come from one machine of this simulated AMD. */
export async function simulatedDevice(
  amd: SimulatedAmd,
  machine: MachineOptions = {},
  options: SimulatedDeviceOptions = {},
): Promise<SimulatedDevice> {
  const { certificates, crl, signReport } = await amd.openMachine(machine);
  let calls = 0;
  return {
    kind: 'simulated',
    get calls() {
      return calls;
    },
    async getReport(reportData) {
      calls += 1;
      await options.gate?.();
      return { report: signReport(reportData), certificates, crl };
    },
  };
}
