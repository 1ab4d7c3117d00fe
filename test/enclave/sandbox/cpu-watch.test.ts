/** Processor time of calls: what is used counts, what is waited does not, and who cannot be measured is held to all of the time. */
import { describe, expect, it, vi } from 'vitest';
import { openCpuWatch } from '../../../src/enclave/sandbox/cpu-watch.ts';
import { readProcessCpuMs } from '../../../src/io/process-time.ts';
import { buildRogue, loadGuest, post, textOf } from './guests.ts';
import { manualTimers } from './manual-timers.ts';

function openWorld(capMs: number) {
  const timers = manualTimers();
  let used: number | null = 1000;
  let reads = 0;
  const watch = openCpuWatch(
    capMs,
    () => {
      reads += 1;
      return used;
    },
    timers,
  );
  /** Lets time pass in steps of 25 ms, with so much used of each. */
  const pass = (steps: number, usedMs: number | null): void => {
    for (let i = 0; i < steps; i++) {
      used = usedMs === null || used === null ? null : used + usedMs;
      timers.advance(25);
    }
  };
  return { watch, pass, reads: () => reads };
}

describe('a call', () => {
  it('is over when it has used more than it may, and not before', () => {
    const { watch, pass } = openWorld(100);
    const over = vi.fn();
    watch.add(over);
    // The first look only finds out where it begins.
    pass(5, 25);
    expect(over).not.toHaveBeenCalled();
    pass(1, 25);
    expect(over).toHaveBeenCalledTimes(1);
    pass(10, 25);
    expect(over).toHaveBeenCalledTimes(1);
  });

  it('may wait as long as it likes', () => {
    const { watch, pass } = openWorld(100);
    const over = vi.fn();
    watch.add(over);
    pass(1000, 0);
    expect(over).not.toHaveBeenCalled();
  });

  it('shares what is used with the others that are under way', () => {
    const { watch, pass } = openWorld(100);
    const [first, second] = [vi.fn(), vi.fn()];
    watch.add(first);
    const end = watch.add(second);
    pass(9, 25);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 0]);
    end();
    pass(1, 25);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 0]);
  });

  it('is held to all of the time where nobody knows what it uses', () => {
    const { watch, pass } = openWorld(100);
    const over = vi.fn();
    watch.add(over);
    pass(5, null);
    expect(over).not.toHaveBeenCalled();
    pass(1, null);
    expect(over).toHaveBeenCalledTimes(1);
  });

  it('costs no looks when it has ended, and is not charged for what was before it', () => {
    const { watch, pass, reads } = openWorld(100);
    watch.add(() => undefined)();
    pass(100, 25);
    expect(reads()).toBe(0);
    const over = vi.fn();
    watch.add(over);
    pass(5, 25);
    expect(over).not.toHaveBeenCalled();
  });
});

describe('the processor time of a process', () => {
  it('grows while it computes, and is unknown for one that is not there', () => {
    const before = readProcessCpuMs(process.pid) ?? Number.NaN;
    const until = process.cpuUsage().user + 60_000;
    while (process.cpuUsage().user < until) Math.sqrt(2);
    const after = readProcessCpuMs(process.pid) ?? Number.NaN;
    expect(after - before).toBeGreaterThanOrEqual(40);
    expect(readProcessCpuMs(2 ** 30)).toBeNull();
  });
});

describe('a function', () => {
  it('that loops is ended by its processor time, and one that waits is not', async () => {
    const f = await loadGuest(await buildRogue(), { cpuMs: 200 });
    const start = performance.now();
    await expect(post(f, 'loop')).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    // The deadline is 20 s.
    expect(performance.now() - start).toBeLessThan(10_000);
    // It sleeps for 300 ms.
    expect(textOf(await post(f, 's'))).toBe('s');
    await f.close();
  });
});
