/** Which children a supervisor keeps, and when it starts the next; no process and no time is real. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { encodeFrame } from '../../../src/enclave/sandbox/frame.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import { openSupervisor, type ReadyChild, type Supervisor } from '../../../src/enclave/sandbox/supervisor.ts';
import { beReady, type FakeChild, fakeChild } from './fake-child.ts';
import { type ManualTimers, manualTimers } from './manual-timers.ts';

interface User {
  readonly number: number;
  readonly child: ReadyChild;
  onFrame(): boolean;
  onEnd(): void;
}
interface World {
  readonly supervisor: Supervisor<User>;
  readonly children: FakeChild[];
  readonly timers: ManualTimers;
  readonly ended: number[];
  readonly failedStarts: () => number;
  readonly alive: () => readonly number[];
}

const SPARE_MS = 60_000;
const SPARE_PAUSE_MS = 100;

async function open(spareMs = SPARE_MS): Promise<World> {
  const children: FakeChild[] = [];
  const timers = manualTimers();
  const ended: number[] = [];
  let users = 0;
  let failed = 0;
  const opening = openSupervisor<User>({
    name: 'f',
    launch: () => {
      children.push(fakeChild());
      return (children.at(-1) as FakeChild).process;
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs: 5000,
    frameBytes: LIMITS.frameBytes,
    spareMs,
    timers,
    attach: (child) => {
      users += 1;
      const number = users;
      return { number, child, onFrame: () => true, onEnd: () => ended.push(number) };
    },
    onFailedStart: () => {
      failed += 1;
    },
    onPrint: () => undefined,
  });
  await beReady(children[0]);
  const supervisor = await opening;
  const alive = (): readonly number[] => children.flatMap((child, i) => (child.isGone() ? [] : [i]));
  return { supervisor, children, timers, ended, failedStarts: () => failed, alive };
}

/** Uses the working child, and has the spare started. */
async function openUsed(): Promise<World> {
  const world = await open();
  world.supervisor.current()?.child.markUsed();
  world.timers.advance(SPARE_PAUSE_MS);
  await beReady(world.children[1]);
  return world;
}

describe('a spare child', () => {
  it('is not kept for a function that was never called', async () => {
    const { timers, children } = await open();
    timers.advance(1_000_000);
    expect(children).toHaveLength(1);
  });

  it('is started once the function is called, and only one', async () => {
    const { supervisor, timers, children } = await openUsed();
    for (let i = 0; i < 5; i++) supervisor.current()?.child.markUsed();
    timers.advance(1000);
    expect(children).toHaveLength(2);
    expect(children[1]?.heard.map(({ type }) => type)).toEqual([FRAME.load]);
  });

  it('is not started where none is wanted', async () => {
    const { supervisor, timers, children } = await open(0);
    supervisor.current()?.child.markUsed();
    timers.advance(1000);
    expect(children).toHaveLength(1);
  });

  it('works in the same moment in which the other one dies, and the next spare is started after it', async () => {
    const { supervisor, timers, children, ended } = await openUsed();
    supervisor.current()?.child.kill('killed');
    expect(supervisor.current()?.number).toBe(2);
    expect(ended).toEqual([1]);
    timers.advance(SPARE_PAUSE_MS - 1);
    expect(children).toHaveLength(2);
    timers.advance(1);
    expect(children).toHaveLength(3);
  });

  it('is started at once when the other one dies before its turn', async () => {
    const { supervisor, timers, children } = await open();
    supervisor.current()?.child.markUsed();
    timers.advance(SPARE_PAUSE_MS - 1);
    supervisor.current()?.child.kill('killed');
    timers.advance(0);
    expect(children).toHaveLength(2);
    timers.advance(1_000);
    expect(children).toHaveLength(2);
  });

  it('works as soon as it is ready when the other one dies before', async () => {
    const { supervisor, timers, children } = await open();
    supervisor.current()?.child.markUsed();
    timers.advance(SPARE_PAUSE_MS);
    supervisor.current()?.child.kill('killed');
    expect(supervisor.current()).toBe(null);
    const next = supervisor.next();
    await beReady(children[1]);
    expect((await next).number).toBe(2);
    expect(children).toHaveLength(2);
  });

  it('ends when the function is idle, which is no failed start, and comes back with the next call', async () => {
    const { supervisor, timers, children, alive, failedStarts } = await openUsed();
    timers.advance(SPARE_MS / 2);
    supervisor.current()?.child.markUsed();
    timers.advance(SPARE_MS - 1);
    expect(alive()).toEqual([0, 1]);
    timers.advance(1);
    expect(alive()).toEqual([0]);
    await nextTurn();
    supervisor.current()?.child.markUsed();
    timers.advance(SPARE_PAUSE_MS);
    expect(children).toHaveLength(3);
    expect(failedStarts()).toBe(0);
  });

  it('that dies is started more and more slowly, though the other one works', async () => {
    const { supervisor, timers, children, failedStarts } = await openUsed();
    await children[1]?.die();
    for (const pauseMs of [100, 200, 400, 800]) {
      const before = children.length;
      supervisor.current()?.child.markUsed();
      timers.advance(pauseMs - 1);
      expect(children).toHaveLength(before);
      timers.advance(1);
      expect(children).toHaveLength(before + 1);
      await children.at(-1)?.die();
    }
    expect(failedStarts()).toBe(5);
    expect(supervisor.current()?.number).toBe(1);
  });

  it.each([
    ['says that it is ready again', FRAME.ready, 0],
    ['answers what nobody asked', FRAME.answer, 1],
  ])('that %s breaks the protocol', async (_, type, call) => {
    const { children, alive } = await openUsed();
    await children[1]?.say(type, call);
    expect(alive()).toEqual([0]);
  });
});

describe('a child', () => {
  it('that is not ready in time is killed, and the next one is started', async () => {
    const { supervisor, timers, children, alive } = await open();
    supervisor.current()?.child.kill('ended');
    timers.advance(100);
    expect(alive()).toEqual([1]);
    timers.advance(5000);
    await nextTurn();
    timers.advance(200);
    expect(alive()).toEqual([2]);
    expect(children).toHaveLength(3);
  });
});

describe('closing', () => {
  it('ends every child, tells the user, and starts none', async () => {
    const { supervisor, timers, children, alive, ended } = await openUsed();
    await supervisor.close();
    timers.advance(1_000_000);
    expect([alive(), ended, children.length, supervisor.current(), timers.planned()]).toEqual([[], [1], 2, null, []]);
    await expect(supervisor.next()).rejects.toMatchObject({ code: 'ERR_FUNCTION_UNAVAILABLE' });
  });
});
