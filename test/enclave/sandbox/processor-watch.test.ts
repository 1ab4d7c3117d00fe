/** When a call is ended for its processor time; what the kernel counts is in the test's hands, but for one look at a real process. */
import { describe, expect, it } from 'vitest';
import { processTimeMs } from '../../../src/enclave/sandbox/process-time.ts';
import { watchProcessor } from '../../../src/enclave/sandbox/processor-watch.ts';
import { manualTimers } from './manual-timers.ts';

/** Lets time pass in steps of 1 ms with `share` of it used, and gives when the watch ended the call. */
function endAfter(usedMs: (elapsedMs: number) => number | null, forMs: number): number | null {
  const timers = manualTimers();
  let ended: number | null = null;
  watchProcessor(
    timers,
    () => usedMs(timers.now()),
    100,
    () => {
      ended ??= timers.now();
    },
  );
  for (let i = 0; i < forMs; i++) timers.advance(1);
  return ended;
}

describe('the watch over processor time', () => {
  it.each<[string, (elapsedMs: number) => number | null, number | null]>([
    ['ends a call that computes all the time when its time is used up', (t) => 5000 + t, 100],
    ['gives one that computes half of the time twice as long', (t) => 5000 + Math.floor(t / 20) * 10, 200],
    ['lets one that waits be', () => 5000, null],
    ['lets one be that stops computing just below', (t) => 5000 + Math.min(t, 99), null],
    ['takes all time as used where the machine does not count', () => null, 100],
    ['takes all time as used where the machine stops counting', (t) => (t < 50 ? 5000 : null), 100],
  ])('%s', (_, usedMs, expected) => {
    const ended = endAfter(usedMs, 1000);
    if (expected === null) expect(ended).toBe(null);
    else expect(ended).toBeGreaterThanOrEqual(expected);
    expect(ended ?? 0).toBeLessThan((expected ?? 1) + 20);
  });

  it('ends nothing once it is called off', () => {
    const timers = manualTimers();
    let ended = false;
    watchProcessor(
      timers,
      () => timers.now(),
      100,
      () => {
        ended = true;
      },
    )();
    timers.advance(1000);
    expect([ended, timers.planned()]).toEqual([false, []]);
  });
});

describe('the processor time of a process', () => {
  it('grows as it computes', () => {
    const before = processTimeMs(process.pid);
    const wanted = process.cpuUsage().user + 60_000;
    while (process.cpuUsage().user < wanted) Math.sqrt(2);
    expect((processTimeMs(process.pid) ?? 0) - (before ?? 0)).toBeGreaterThanOrEqual(40);
  });

  it.each([undefined, 0])('is not known of process %s', (pid) => {
    expect(processTimeMs(pid)).toBe(null);
  });
});
