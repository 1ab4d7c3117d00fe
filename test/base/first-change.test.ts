/** Waiting for the first of several changes: who wakes, and that nothing is left behind on a change that stays away. */
import { describe, expect, it } from 'vitest';
import { ChangeSignal } from '../../src/base/change-signal.ts';
import { firstChange } from '../../src/base/first-change.ts';
import { pour } from '../../src/enclave/sandbox/body.ts';
import type { ByteSink, ByteSource } from '../../src/enclave/sandbox/wasi/byte-stream.ts';

/** A promise that never settles, and how often somebody was told to wait for it. */
function silent() {
  const promise = new Promise<void>(() => undefined);
  let subscriptions = 0;
  const subscribe = promise.then.bind(promise);
  Reflect.set(promise, 'then', (...handlers: Parameters<typeof subscribe>) => {
    subscriptions += 1;
    return subscribe(...handlers);
  });
  return { promise, subscriptions: () => subscriptions };
}

describe('the first change', () => {
  it('wakes whoever waits, and only once it is there', async () => {
    const [one, two] = [new ChangeSignal(), new ChangeSignal()];
    let woken = 0;
    const waits = [[one.changed(), two.changed()], [two.changed()]].map(async (changes) => {
      await firstChange(changes);
      woken += 1;
    });
    await Promise.resolve();
    expect(woken).toBe(0);
    one.notify();
    await waits[0];
    expect(woken).toBe(1);
    two.notify();
    await waits[1];
    expect(woken).toBe(2);
  });

  it('wakes at once where a change is there already, also one that was waited for before', async () => {
    const settled = Promise.resolve();
    for (let i = 0; i < 3; i++) await firstChange([silent().promise, settled]);
    await firstChange([silent().promise, Promise.reject(new TypeError('an end is a change, too'))]);
    await expect(firstChange([settled])).resolves.toBeUndefined();
  });

  it('subscribes once to a change that stays away, however often it is waited for', async () => {
    const away = silent();
    for (let i = 0; i < 100; i++) await firstChange([Promise.resolve(), away.promise]);
    expect(away.subscriptions()).toBe(1);
  });
});

it('a body of many pieces leaves nothing behind on the sink that it is poured into', async () => {
  const away = silent();
  let pieces = 0;
  let isHere = false;
  const source: ByteSource = {
    get state() {
      return pieces === 200 ? 'ended' : 'open';
    },
    get available() {
      return isHere ? 1 : 0;
    },
    take() {
      if (!isHere) return new Uint8Array(0);
      isHere = false;
      pieces += 1;
      return new Uint8Array(1);
    },
    changed: async () => {
      isHere = true;
      return await Promise.resolve();
    },
    cancel: () => undefined,
  };
  let written = 0;
  const sink: ByteSink = {
    state: 'open',
    room: 10,
    write(bytes) {
      written += bytes.length;
      return true;
    },
    end: () => undefined,
    abort: () => undefined,
    changed: () => away.promise,
  };
  expect([await pour(source, sink, 10), written]).toEqual(['ended', 200]);
  expect(away.subscriptions()).toBe(1);
});
