/** Waits of guests for a clock: one timer each, however often they are asked, and none when nobody waits any more. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GuestTrap } from '../../../../src/enclave/sandbox/component/trap.ts';
import { Alarm } from '../../../../src/enclave/sandbox/wasi/clocks.ts';
import { IO } from '../../../../src/enclave/sandbox/wasi/io.ts';
import { REAL_SURROUNDINGS } from '../../../../src/enclave/sandbox/wasi/surroundings.ts';

const HOUR = 3_600_000_000_000n;
const { poll } = IO['wasi:io/poll'] as { readonly poll: (call: unknown, pollables: readonly unknown[]) => unknown };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const alarmIn = (nanos: bigint): Alarm => new Alarm(REAL_SURROUNDINGS, process.hrtime.bigint() + nanos);

describe('an alarm', () => {
  it('has one timer however often it is waited for', () => {
    const alarm = alarmIn(HOUR);
    for (let i = 0; i < 100; i += 1) void alarm.changed();
    expect(vi.getTimerCount()).toBe(1);
  });

  it('has none once its handle is dropped', () => {
    const alarm = alarmIn(HOUR);
    void alarm.changed();
    alarm[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is over when its time has come', async () => {
    const alarm = alarmIn(5_000_000n);
    const waited = alarm.block();
    await vi.advanceTimersByTimeAsync(7);
    await waited;
    expect([alarm.ready(), vi.getTimerCount()]).toEqual([true, 0]);
  });
});

describe('a poll', () => {
  it('takes so many pollables, and traps for one more', () => {
    const [alarm] = [alarmIn(0n)];
    expect(
      poll(
        null,
        Array.from({ length: 4096 }, () => alarm),
      ),
    ).toHaveLength(4096);
    expect(() =>
      poll(
        null,
        Array.from({ length: 4097 }, () => alarm),
      ),
    ).toThrow(GuestTrap);
  });
});
