/** How the gate takes turns with what children send: one that floods gets a share, and what it is owed comes in order. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type ChildEnd, openChildLink } from '../../../src/enclave/sandbox/child-link.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import { type FakeChild, fakeChild } from './fake-child.ts';

interface Heard {
  readonly child: FakeChild;
  readonly calls: number[];
  readonly ends: ChildEnd[];
}

function open(accepts: (call: number) => boolean = () => true): Heard {
  const child = fakeChild();
  const calls: number[] = [];
  const ends: ChildEnd[] = [];
  openChildLink(child.process, 1024 * 1024, {
    onFrame({ call }) {
      calls.push(call);
      return accepts(call);
    },
    onEnd: (end) => ends.push(end),
    onPrint: () => undefined,
  });
  return { child, calls, ends };
}

const many = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('the frames of a child', () => {
  it('are all taken at once when they are few', async () => {
    const { child, calls } = open();
    child.sayAll(FRAME.egress, many(64));
    await nextTurn();
    expect(calls).toEqual(many(64));
  });

  it('are taken over several turns when they are many, in order, and others have theirs in between', async () => {
    const flood = open();
    const other = open();
    flood.child.sayAll(FRAME.egress, many(1000));
    await nextTurn();
    other.child.sayAll(FRAME.egress, [7]);
    await nextTurn();
    await nextTurn();
    expect(other.calls).toEqual([7]);
    expect(flood.calls.length).toBeLessThan(1000);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(flood.calls).toEqual(many(1000));
    flood.child.sayAll(FRAME.egress, [5]);
    await nextTurn();
    expect(flood.calls.at(-1)).toBe(5);
  });

  it('are not taken any further once one of them is wrong', async () => {
    const { child, calls, ends } = open((call) => call !== 100);
    child.sayAll(FRAME.egress, many(1000));
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect([calls.length, ends]).toEqual([101, ['malformed']]);
  });

  it('are dropped when the child is gone before their turn', async () => {
    const { child, calls, ends } = open();
    child.sayAll(FRAME.egress, many(1000));
    await nextTurn();
    await child.die();
    const before = calls.length;
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(before).toBeLessThan(1000);
    expect([calls.length, ends]).toEqual([before, ['ended']]);
  });
});
