/** Places that callers share: nobody takes the last ones from somebody who has none. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FairSlots } from '../../../src/enclave/sandbox/fair-slots.ts';

const takeAll = (slots: FairSlots, caller: string): number => {
  let taken = 0;
  while (slots.take(caller)) taken += 1;
  return taken;
};

it('one caller alone gets half of them, and the next ones still get some', () => {
  const slots = new FairSlots(256);
  expect(['a', 'b', 'c', 'd'].map((caller) => takeAll(slots, caller))).toEqual([128, 64, 32, 16]);
});

it('a single place is a place', () => {
  const slots = new FairSlots(1);
  expect([slots.take('a'), slots.take('a'), slots.take('b')]).toEqual([true, false, false]);
  slots.give('a');
  expect(slots.take('b')).toBe(true);
});

it('there are never more than there are, and all of them come back', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('a', 'b', 'c')), { maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), steps, (size, list) => {
      const slots = new FairSlots(size);
      const held = new Map<string, number>();
      const all = (): number => [...held.values()].reduce((sum, count) => sum + count, 0);
      for (const [takes, caller] of list) {
        const before = held.get(caller) ?? 0;
        if (takes) held.set(caller, before + Number(slots.take(caller)));
        else {
          slots.give(caller);
          held.set(caller, Math.max(0, before - 1));
        }
        expect(all()).toBeLessThanOrEqual(size);
      }
      for (const [caller, count] of held) for (let i = 0; i < count; i++) slots.give(caller);
      expect(takeAll(slots, 'd')).toBe(Math.ceil(size / 2));
    }),
  );
});
