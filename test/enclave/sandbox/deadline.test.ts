/** What a deadline ends: one call where the child says so in time, the process otherwise; and what keeps dying is held back. No time is real. */

import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import type { CircuitsLimits } from '../../../src/enclave/sandbox/circuits.ts';
import { encodeFrame } from '../../../src/enclave/sandbox/frame.ts';
import {
  type FunctionNotice,
  type FunctionProcess,
  openFunctionProcess,
} from '../../../src/enclave/sandbox/function-process.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { NEVER_GONE } from '../bodies.ts';
import { beReady, type FakeChild, fakeChild } from './fake-child.ts';
import { NEVER_OPEN, NO_EGRESS } from './guests.ts';
import { type ManualTimers, manualTimers } from './manual-timers.ts';

interface World {
  readonly running: FunctionProcess;
  readonly children: FakeChild[];
  readonly timers: ManualTimers;
  readonly notices: FunctionNotice[];
}

async function open(spareMs: number, circuits: CircuitsLimits = NEVER_OPEN, cpuMs = 600_000): Promise<World> {
  const children: FakeChild[] = [];
  const timers = manualTimers();
  const notices: FunctionNotice[] = [];
  const opening = openFunctionProcess({
    name: 'f',
    launch: () => {
      children.push(fakeChild());
      return (children.at(-1) as FakeChild).process;
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs: 5000,
    frameBytes: LIMITS.frameBytes,
    maxCalls: 4,
    maxEgress: 1,
    cpuMs,
    graceMs: GRACE_MS,
    spareMs,
    circuits,
    timers,
    onNotice: (notice) => notices.push(notice),
    onLog: () => undefined,
  });
  await beReady(children[0]);
  return { running: await opening, children, timers, notices };
}

/** Calls, and gives `answered` or the code of the error. */
async function call({ running }: World, deadlineMs: number, caller = 'a'): Promise<string> {
  try {
    const terms = {
      deadlineMs,
      caller,
      egress: NO_EGRESS,
      sockets: NO_SOCKET_EGRESS,
      whenGone: NEVER_GONE,
      expects: 'answer',
    } as const;
    await running.call({}, new Uint8Array(0), terms);
    return 'answered';
  } catch (e) {
    return (e as { readonly code: string }).code;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const heard = (child: FakeChild | undefined, type: number): readonly number[] =>
  (child?.heard ?? []).filter((frame) => frame.type === type).map((frame) => frame.call);
const answer = (child: FakeChild | undefined, id: number): Promise<void> | undefined =>
  child?.say(FRAME.answer, id, { status: 200, headers: [] });

const GRACE_MS = 8;
const SPARE_MS = 60_000;

/** Two calls are under way, and the first one's deadline has just passed. */
async function openOverrun(): Promise<World & { readonly late: Promise<string>; readonly beside: Promise<string> }> {
  const world = await open(SPARE_MS);
  const late = call(world, 1000);
  const beside = call(world, 10_000, 'b');
  world.timers.advance(100);
  await beReady(world.children[1]);
  world.timers.advance(900);
  await turn();
  return { ...world, late, beside };
}

describe('a call past its deadline', () => {
  it('has its error at once, and the child is told to drop it', async () => {
    const { late, children } = await openOverrun();
    expect(await late).toBe('ERR_FUNCTION_DEADLINE');
    expect(heard(children[0], FRAME.cancel)).toEqual([1]);
    expect(children[0]?.isGone()).toBe(false);
  });

  it('ends alone when the child says in time that it dropped it', async () => {
    const { children, timers, beside } = await openOverrun();
    timers.advance(GRACE_MS - 1);
    await children[0]?.say(FRAME.cancelled, 1);
    timers.advance(1000);
    await turn();
    expect(children[0]?.isGone()).toBe(false);
    await answer(children[0], 2);
    expect(await beside).toBe('answered');
  });

  it('ends the process when the child says nothing', async () => {
    const { children, timers, beside } = await openOverrun();
    timers.advance(GRACE_MS);
    await turn();
    expect(children[0]?.isGone()).toBe(true);
    expect(await beside).toBe('ERR_FUNCTION_UNAVAILABLE');
  });

  it('ends the process when the child speaks of another call only', async () => {
    const { children, timers, beside } = await openOverrun();
    await answer(children[0], 2);
    timers.advance(GRACE_MS);
    await turn();
    expect(await beside).toBe('answered');
    expect(children[0]?.isGone()).toBe(true);
  });

  it.each([
    ['an answer', FRAME.answer, { status: 200, headers: [] }],
    ['a trap', FRAME.trap, { text: '' }],
  ])('ends alone with %s that crossed the word to drop it, too', async (_, type, head) => {
    const { children, timers, late } = await openOverrun();
    await children[0]?.say(type, 1, head);
    timers.advance(GRACE_MS);
    await turn();
    expect([await late, children[0]?.isGone()]).toEqual(['ERR_FUNCTION_DEADLINE', false]);
  });

  it.each([
    ['says so twice', FRAME.cancelled, 1],
    ['says so of a call that has time left', FRAME.cancelled, 2],
  ])('a child that %s breaks the protocol', async (_, type, id) => {
    const { children } = await openOverrun();
    await children[0]?.say(FRAME.cancelled, 1);
    expect(children[0]?.isGone()).toBe(false);
    await children[0]?.say(type, id);
    expect(children[0]?.isGone()).toBe(true);
  });

  it('may still be read for its grace, but asks nothing outside any more', async () => {
    const { children, timers } = await openOverrun();
    const request = { method: 'GET', scheme: 'https', authority: 'a.test', path: '/', headers: [] };
    await children[0]?.say(FRAME.egress, 1, { number: 1, ...request });
    await children[0]?.say(FRAME.cancelled, 1);
    timers.advance(GRACE_MS);
    await turn();
    expect(heard(children[0], FRAME.egressAnswer)).toEqual([]);
    expect(children[0]?.isGone()).toBe(false);
  });
});

describe('a call with less processor time than its deadline', () => {
  it.each([
    ['ends when that may be used up', 99, true],
    ['ends at its deadline as ever', 100, false],
  ])('%s', async (_, cpuMs, over) => {
    // A fake has no process, and what is not counted counts as used.
    const world = await open(0, NEVER_OPEN, cpuMs);
    const late = call(world, 100);
    world.timers.advance(99);
    await turn();
    expect(heard(world.children[0], FRAME.cancel)).toEqual(over ? [1] : []);
    world.timers.advance(1);
    expect(await late).toBe('ERR_FUNCTION_DEADLINE');
  });
});

describe('a call that comes while it is open whether the process lives', () => {
  it('goes to the spare when it is killed', async () => {
    const world = await openOverrun();
    const next = call(world, 10_000);
    world.timers.advance(GRACE_MS);
    await turn();
    await turn();
    expect([heard(world.children[0], FRAME.call), heard(world.children[1], FRAME.call)]).toEqual([[1, 2], [3]]);
    await answer(world.children[1], 3);
    expect(await next).toBe('answered');
  });

  it('waits on when another call makes it open again', async () => {
    const world = await open(SPARE_MS);
    const { children, timers } = world;
    const first = [call(world, 1000), call(world, 1004, 'b')];
    timers.advance(100);
    await beReady(children[1]);
    timers.advance(900);
    await turn();
    const next = call(world, 10_000, 'c');
    timers.advance(4);
    await children[0]?.say(FRAME.cancelled, 1);
    expect(heard(children[0], FRAME.call)).toEqual([1, 2]);
    timers.advance(GRACE_MS);
    await turn();
    await turn();
    expect([heard(children[0], FRAME.call), heard(children[1], FRAME.call)]).toEqual([[1, 2], [3]]);
    await answer(children[1], 3);
    expect([await next, ...(await Promise.all(first))]).toEqual([
      'answered',
      'ERR_FUNCTION_DEADLINE',
      'ERR_FUNCTION_DEADLINE',
    ]);
  });

  it('goes to the same process when it is not', async () => {
    const world = await openOverrun();
    const next = call(world, 10_000);
    await world.children[0]?.say(FRAME.cancelled, 1);
    expect(heard(world.children[0], FRAME.call)).toEqual([1, 2, 3]);
    await answer(world.children[0], 3);
    expect(await next).toBe('answered');
  });
});

describe('a function that keeps ending its process', () => {
  const ROW = { windowMs: 60_000, pauseMs: 10_000 };
  const CIRCUITS: CircuitsLimits = { caller: { ...ROW, deaths: 2 }, all: { ...ROW, deaths: 3 }, callers: 8 };

  /** Calls, has the process die, and brings up the next one. */
  async function callAndDie(world: World, caller: string): Promise<string> {
    const outcome = call(world, 1000, caller);
    await turn();
    await world.children.at(-1)?.die();
    world.timers.advance(0);
    await beReady(world.children.at(-1));
    return await outcome;
  }

  it('for one caller is held back from that caller, and no process hears of it', async () => {
    const world = await open(0, CIRCUITS);
    expect([await callAndDie(world, 'a'), await callAndDie(world, 'a')]).toEqual([
      'ERR_FUNCTION_TRAP',
      'ERR_FUNCTION_TRAP',
    ]);
    expect(await call(world, 1000, 'a')).toBe('ERR_FUNCTION_CIRCUIT');
    expect(heard(world.children.at(-1), FRAME.call)).toEqual([]);
    const other = call(world, 1000, 'b');
    await turn();
    await answer(world.children.at(-1), 3);
    expect(await other).toBe('answered');
    expect(world.notices).toEqual([]);
  });

  it('for many is held back from all, tried after the pause, and open again when a process lives through it', async () => {
    const world = await open(0, CIRCUITS);
    for (const caller of ['a', 'b', 'c']) await callAndDie(world, caller);
    expect(await call(world, 1000, 'd')).toBe('ERR_FUNCTION_CIRCUIT');
    world.timers.advance(10_000);
    const trial = call(world, 1000, 'd');
    await turn();
    expect(await call(world, 1000, 'e')).toBe('ERR_FUNCTION_CIRCUIT');
    await answer(world.children.at(-1), 4);
    expect(await trial).toBe('answered');
    const after = call(world, 1000, 'e');
    await turn();
    await answer(world.children.at(-1), 5);
    expect(await after).toBe('answered');
    expect(world.notices).toEqual(['circuit open', 'circuit closed']);
  });

  it('by overruns of one caller is held back from that caller, whoever else lost a call by it', async () => {
    const world = await open(0, CIRCUITS);
    for (let i = 0; i < 2; i += 1) {
      const late = call(world, 1000, 'a');
      const beside = call(world, 10_000, 'b');
      await turn();
      world.timers.advance(1000);
      world.timers.advance(GRACE_MS);
      await turn();
      expect([await late, await beside]).toEqual(['ERR_FUNCTION_DEADLINE', 'ERR_FUNCTION_UNAVAILABLE']);
      world.timers.advance(0);
      await beReady(world.children.at(-1));
    }
    expect(await call(world, 1000, 'a')).toBe('ERR_FUNCTION_CIRCUIT');
    const other = call(world, 1000, 'b');
    await turn();
    await answer(world.children.at(-1), 5);
    expect(await other).toBe('answered');
    expect(world.notices).toEqual([]);
  });

  it('says when to come back', async () => {
    const world = await open(0, CIRCUITS);
    for (const caller of ['a', 'b', 'c']) await callAndDie(world, caller);
    world.timers.advance(2500);
    const terms = {
      deadlineMs: 1000,
      caller: 'd',
      egress: NO_EGRESS,
      sockets: NO_SOCKET_EGRESS,
      whenGone: NEVER_GONE,
      expects: 'answer',
    } as const;
    await expect(world.running.call({}, new Uint8Array(0), terms)).rejects.toMatchObject({ retryAfterSeconds: 8 });
  });

  it('before it is even called opens the circuit, too', async () => {
    const world = await open(SPARE_MS, CIRCUITS);
    for (let i = 0; i < 3; i++) {
      await world.children.at(-1)?.die();
      world.timers.advance(10_000);
    }
    expect(await call(world, 1000)).toBe('ERR_FUNCTION_CIRCUIT');
  });

  it('is not held back because it was closed', async () => {
    const world = await open(0, CIRCUITS);
    const calls = [call(world, 1000, 'a'), call(world, 1000, 'b'), call(world, 1000, 'c')];
    await turn();
    await world.running.close();
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'ERR_FUNCTION_UNAVAILABLE'));
    expect(world.notices).toEqual([]);
  });
});
