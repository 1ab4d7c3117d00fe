/**
 * Puts a deadline on a device: who waits for a report is told when none comes, and nobody else asks a device that still has a request
 * to answer. It works again as soon as the device does.
 */
import { TransportError } from '../../errors.ts';
import type { DeviceEvidence, ReportDevice } from './report-device.ts';

/** A device may be busy for other guests of the host for a while; clients do not wait longer than this either. */
export const REPORT_DEADLINE_MS = 10_000;

/** Runs something after a while, unless what it gives is called before. */
export type Timer = (ms: number, run: () => void) => () => void;

const systemTimer: Timer = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/**
 * Gives a device whose `getReport` ends within the deadline, one call at a time.
 * Its `getReport` throws TransportError ERR_TRANSPORT_TIMEOUT at the deadline, and ERR_TRANSPORT_OVERLOADED from then on until the
 * device has answered.
 */
export function withReportDeadline(device: ReportDevice, timer: Timer = systemTimer): ReportDevice {
  let asking = false;

  async function ask(reportData: Uint8Array): Promise<DeviceEvidence> {
    asking = true;
    try {
      return await device.getReport(reportData);
    } finally {
      asking = false;
    }
  }

  return {
    kind: device.kind,
    async getReport(reportData) {
      if (asking)
        throw new TransportError('ERR_TRANSPORT_OVERLOADED', 'the attestation device has not answered for a while');
      const late = Promise.withResolvers<never>();
      const callOff = timer(REPORT_DEADLINE_MS, () =>
        late.reject(
          new TransportError(
            'ERR_TRANSPORT_TIMEOUT',
            `the attestation device made no report in ${REPORT_DEADLINE_MS} ms`,
          ),
        ),
      );
      try {
        return await Promise.race([ask(reportData), late.promise]);
      } finally {
        callOff();
      }
    },
  };
}
