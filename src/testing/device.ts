/**
 * A report device over a simulated machine, with what tests need to hold it back and to count. It has the shape and the manners of the
 * worker's real device: the same requests are refused, with the same error.
 */
import { ConfigurationError } from '../errors.ts';
import type { MachineOptions, SimulatedAmd } from './simulated-amd.ts';

const REPORT_DATA_SIZE = 64;

export interface SimulatedDeviceOptions {
  /** Is awaited before each report is signed, so that a test decides how long the firmware takes, or by rejecting, that it fails. */
  readonly gate?: () => Promise<void>;
}

export interface SimulatedDevice {
  readonly kind: 'simulated';
  /** Counts the reports that were asked for. */
  readonly calls: number;
  /**
   * Gives a report over these 64 bytes with the machine's certificates.
   * @throws ConfigurationError ERR_CONFIGURATION_DEVICE for another length, or when the gate rejects
   */
  getReport(reportData: Uint8Array): Promise<{
    readonly report: Uint8Array;
    readonly certificates: readonly Uint8Array[];
    readonly crl: Uint8Array | null;
  }>;
}

const deviceError = (message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError('ERR_CONFIGURATION_DEVICE', message, { cause });

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
      if (reportData.length !== REPORT_DATA_SIZE) {
        throw deviceError(`report data are ${REPORT_DATA_SIZE} bytes, not ${reportData.length}`);
      }
      calls += 1;
      // What the caller does with its bytes meanwhile is not in the report.
      const data = Uint8Array.from(reportData);
      try {
        await options.gate?.();
      } catch (cause) {
        throw deviceError('the simulated device gave no report: its gate rejected', cause);
      }
      return { report: signReport(data), certificates, crl };
    },
  };
}
