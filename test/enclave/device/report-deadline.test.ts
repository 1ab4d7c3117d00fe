/** A device that does not answer: who waits is told at the deadline, others at once, and all is well when it answers again. */
import { expect, it } from 'vitest';
import { REPORT_DEADLINE_MS, withReportDeadline } from '../../../src/enclave/device/report-deadline.ts';
import { openManualDevice, openManualTimer } from '../manual-device.ts';

const DATA = new Uint8Array(64);

it('gives the report of a device that answers in time, and calls the timer off', async () => {
  const manual = openManualDevice();
  const timers = openManualTimer();
  const made = withReportDeadline(manual.device, timers.timer).getReport(DATA);
  expect(timers.set).toEqual([REPORT_DEADLINE_MS]);
  manual.release();
  expect((await made).report).toEqual(DATA);
  expect(timers.set).toEqual([]);
});

it('passes on the error of a device, calls the timer off, and asks again next time', async () => {
  const manual = openManualDevice();
  const timers = openManualTimer();
  const device = withReportDeadline(manual.device, timers.timer);
  const failed = device.getReport(DATA);
  const broken = new TypeError('broken');
  manual.fail(broken);
  await expect(failed).rejects.toBe(broken);
  expect(timers.set).toEqual([]);
  const made = device.getReport(DATA);
  manual.release();
  expect((await made).report).toEqual(DATA);
});

it('fails at the deadline, asks nothing more while the device is silent, and works again when it answers', async () => {
  const manual = openManualDevice();
  const timers = openManualTimer();
  const device = withReportDeadline(manual.device, timers.timer);
  const late = device.getReport(DATA);
  timers.runOut();
  await expect(late).rejects.toMatchObject({ code: 'ERR_TRANSPORT_TIMEOUT', status: 504 });
  await expect(device.getReport(DATA)).rejects.toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED', status: 503 });
  expect(manual.asked).toHaveLength(1);
  manual.fail(new TypeError('late and broken'));
  // The error of a request that nobody waits for any more is nobody's.
  await new Promise(setImmediate);
  const made = device.getReport(DATA);
  manual.release();
  expect((await made).report).toEqual(DATA);
  expect(manual.asked).toHaveLength(2);
});
