/** A device that makes a report only when a test says so, and a timer that runs out only then: no test of freshness waits for a clock. */
import type { Timer } from '../../src/enclave/device/report-deadline.ts';
import type { DeviceEvidence, ReportDevice } from '../../src/enclave/device/report-device.ts';

/** Stands in for a certificate. */
export const CERTIFICATE: Uint8Array = Uint8Array.of(1, 1, 1);

export interface ManualDevice {
  readonly device: ReportDevice;
  /** REPORT_DATA of every report asked for so far. */
  readonly asked: readonly Uint8Array[];
  /** Requests that have neither a report nor an error yet. */
  readonly pending: number;
  /** Resolves when the device has been asked this many times in all. */
  hasBeenAsked(times: number): Promise<void>;
  /** Answers the oldest pending request with a report that is the REPORT_DATA itself. */
  release(): void;
  /** Fails the oldest pending request. */
  fail(error: unknown): void;
}

/** Opens such a device. */
export function openManualDevice(): ManualDevice {
  const asked: Uint8Array[] = [];
  const pending: { readonly reportData: Uint8Array; readonly made: PromiseWithResolvers<DeviceEvidence> }[] = [];
  let watchers: { readonly times: number; readonly resolve: () => void }[] = [];
  return {
    asked,
    get pending() {
      return pending.length;
    },
    device: {
      kind: 'simulated',
      getReport(reportData) {
        asked.push(reportData);
        const made = Promise.withResolvers<DeviceEvidence>();
        pending.push({ reportData, made });
        for (const watcher of watchers) if (asked.length >= watcher.times) watcher.resolve();
        watchers = watchers.filter(({ times }) => times > asked.length);
        return made.promise;
      },
    },
    async hasBeenAsked(times) {
      if (asked.length >= times) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      watchers.push({ times, resolve });
      await promise;
    },
    release() {
      const next = pending.shift();
      next?.made.resolve({ report: next.reportData, certificates: [CERTIFICATE], crl: null });
    },
    fail: (error) => pending.shift()?.made.reject(error),
  };
}

export interface ManualTimer {
  readonly timer: Timer;
  /** Milliseconds of each timer that is set and not called off, oldest first. */
  readonly set: readonly number[];
  /** Lets the oldest timer run out. */
  runOut(): void;
}

/** Opens a timer that knows no time. */
export function openManualTimer(): ManualTimer {
  let timers: { readonly ms: number; readonly run: () => void }[] = [];
  return {
    get set() {
      return timers.map(({ ms }) => ms);
    },
    timer: (ms, run) => {
      const own = { ms, run };
      timers.push(own);
      return () => {
        timers = timers.filter((each) => each !== own);
      };
    },
    runOut: () => timers.shift()?.run(),
  };
}
