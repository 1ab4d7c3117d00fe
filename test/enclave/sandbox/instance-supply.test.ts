import { describe, expect, it } from 'vitest';
import { openFreshSupply, openPooledSupply } from '../../../src/enclave/sandbox/instance-supply.ts';

interface Made {
  readonly number: number;
}

/** Counts what is made and closed, and runs `later` only when a test says so. */
function openMaker() {
  const closed: number[] = [];
  const waiting: (() => void)[] = [];
  let count = 0;
  let broken = false;
  return {
    closed,
    waiting,
    breakIt: (now: boolean): void => {
      broken = now;
    },
    count: (): number => count,
    make: (): Made => {
      if (broken) throw new RangeError('cannot be made');
      count += 1;
      return { number: count };
    },
    close: (made: Made): void => {
      closed.push(made.number);
    },
    later: (run: () => void): void => {
      waiting.push(run);
    },
    settle: (): void => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) run();
    },
  };
}

describe('a supply of fresh instances', () => {
  it('makes some ahead, when nothing is more urgent', () => {
    const maker = openMaker();
    const supply = openFreshSupply(maker, 2);
    expect(maker.count()).toBe(0);
    maker.settle();
    expect(maker.count()).toBe(2);
    supply.take();
    expect(maker.count()).toBe(2);
    maker.settle();
    expect(maker.count()).toBe(3);
  });

  it('makes one for whoever cannot wait, and none ahead where it must not', () => {
    const maker = openMaker();
    const supply = openFreshSupply(maker, 0);
    maker.settle();
    expect(maker.count()).toBe(0);
    expect(supply.take().number).toBe(1);
    expect(maker.waiting).toEqual([]);
  });

  it('gives no instance twice, whatever its call was like', () => {
    const maker = openMaker();
    const supply = openFreshSupply(maker, 2);
    const seen = new Set<Made>();
    for (let i = 0; i < 20; i += 1) {
      const made = supply.take();
      expect(seen.has(made)).toBe(false);
      seen.add(made);
      supply.giveBack(made, true);
      if (i % 3 === 0) maker.settle();
    }
    expect(maker.closed).toHaveLength(20);
  });

  it('says why an instance cannot be made to the call that needs it, and tries again later', () => {
    const maker = openMaker();
    maker.breakIt(true);
    const supply = openFreshSupply(maker, 1);
    maker.settle();
    expect(() => supply.take()).toThrow(RangeError);
    maker.breakIt(false);
    expect(supply.take().number).toBe(1);
    maker.settle();
    expect(maker.count()).toBe(2);
  });
});

describe('a supply of pooled instances', () => {
  it('uses an instance again after a call that went well', () => {
    const maker = openMaker();
    const supply = openPooledSupply(maker, { maxCalls: 100, maxIdle: 4 });
    const first = supply.take();
    supply.giveBack(first, true);
    expect(supply.take()).toBe(first);
    expect(maker.closed).toEqual([]);
  });

  it('never uses one again after a call that did not', () => {
    const maker = openMaker();
    const supply = openPooledSupply(maker, { maxCalls: 100, maxIdle: 4 });
    const first = supply.take();
    supply.giveBack(first, false);
    expect(maker.closed).toEqual([1]);
    expect(supply.take()).not.toBe(first);
  });

  it('has one for each call that is under way', () => {
    const maker = openMaker();
    const supply = openPooledSupply(maker, { maxCalls: 100, maxIdle: 4 });
    const taken = [supply.take(), supply.take(), supply.take()];
    expect(new Set(taken).size).toBe(3);
  });

  it('throws one away after so many calls', () => {
    const maker = openMaker();
    const supply = openPooledSupply(maker, { maxCalls: 3, maxIdle: 4 });
    for (let i = 0; i < 3; i += 1) supply.giveBack(supply.take(), true);
    expect(maker.closed).toEqual([1]);
    expect(supply.take().number).toBe(2);
  });

  it('keeps no more than so many without a call', () => {
    const maker = openMaker();
    const supply = openPooledSupply(maker, { maxCalls: 100, maxIdle: 1 });
    const [a, b] = [supply.take(), supply.take()];
    supply.giveBack(a, true);
    supply.giveBack(b, true);
    expect(maker.closed).toEqual([2]);
  });
});
