/** Guests that wait for an import: woken with the answer, never after their call is over, and past every handler when the host cannot go on. */
import { describe, expect, it } from 'vitest';
import type { Fate } from '../../../../src/enclave/sandbox/component/trap.ts';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';
import { suspending } from '../../../../src/enclave/sandbox/wasi/suspending.ts';
import { buildModule } from '../guests.ts';

/** A guest that asks, and tells what it was answered, or that it caught something. */
const GUEST = `(module
  (import "host" "ask" (func $ask (result i32)))
  (import "host" "tell" (func $tell (param i32)))
  (func (export "run")
    (block $caught
      (try_table (catch_all $caught)
        (call $tell (call $ask))
        (return)))
    (call $tell (i32.const -1))))`;

async function open(answer: () => Promise<number>) {
  const fate: Fate = { mayLeave: true, failure: null };
  const told: number[] = [];
  const host = { ask: suspending(fate, answer), tell: (value: number) => void told.push(value) };
  const { exports } = new ENGINE.Instance(await ENGINE.compile(await buildModule(GUEST)), { host });
  return { fate, told, run: ENGINE.promising(exports['run'] as () => unknown) };
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i += 1) await new Promise<void>((turn) => void setImmediate(turn));
};

describe('a guest that waits for an import', () => {
  it('goes on with the answer', async () => {
    const { told, run } = await open(() => Promise.resolve(7));
    await run();
    expect(told).toEqual([7]);
  });

  it.each([
    ['an answer', (later: PromiseWithResolvers<number>) => later.resolve(7)],
    ['an error of the host', (later: PromiseWithResolvers<number>) => later.reject(new RangeError('no'))],
  ])('is never woken by %s when its call is over', async (_, settle) => {
    const later = Promise.withResolvers<number>();
    const { fate, told, run } = await open(() => later.promise);
    let over = false;
    void run().finally(() => {
      over = true;
    });
    fate.failure = { reason: new Error('its call is over') };
    settle(later);
    await turns();
    expect([told, over]).toEqual([[], false]);
  });

  it('cannot catch that the host cannot go on', async () => {
    const { fate, told, run } = await open(() => Promise.reject(new RangeError('no')));
    await expect(run()).rejects.toThrow('unreachable');
    expect(told).toEqual([]);
    expect(fate.failure?.reason).toBeInstanceOf(RangeError);
  });
});
