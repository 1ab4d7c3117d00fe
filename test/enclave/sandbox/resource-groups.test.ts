/** Groups of functions over a double of the kernel's: when there are any, what they cap, and that a child joins before it runs. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FunctionNotice } from '../../../src/enclave/sandbox/function-process.ts';
import { openResourceGroups, type ResourceGroups } from '../../../src/enclave/sandbox/resource-groups.ts';
import { kernelError } from '../device/kernel-double.ts';
import { type GroupBehaviour, type GroupDouble, groupDouble } from './group-double.ts';
import { buildRogue, loadGuest, post, textOf } from './guests.ts';

const doubles: GroupDouble[] = [];
const makeDouble = (behaviour: GroupBehaviour = {}): GroupDouble => {
  const double = groupDouble(behaviour);
  doubles.push(double);
  return double;
};
afterEach(() => {
  for (const double of doubles.splice(0)) double.remove();
});

type Offered = Extract<ResourceGroups, { kind: 'cgroup' }>;
function openOffered(double: GroupDouble): Offered {
  const groups = openResourceGroups(double.place);
  if (groups.kind === 'none') throw new Error(groups.why);
  return groups;
}

describe('groups', () => {
  it('are there where a group with the controllers was delegated; the worker moves aside', () => {
    const double = makeDouble();
    expect(openResourceGroups(double.place).kind).toBe('cgroup');
    expect([double.read('gate/cgroup.procs'), double.read('cgroup.procs')]).toEqual(['4242', '']);
    expect(double.read('cgroup.subtree_control')).toBe('memory cpu pids');
  });

  it('are there for a worker after another one', () => {
    const double = makeDouble();
    openResourceGroups(double.place);
    writeFileSync(join(double.base, 'gate/cgroup.procs'), '');
    writeFileSync(join(double.base, 'cgroup.procs'), '4242\n');
    writeFileSync(join(double.base, 'cgroup.subtree_control'), '');
    expect(openResourceGroups(double.place).kind).toBe('cgroup');
  });

  const fails = (operation: string, code: string) => ({
    before: (each: string): void => {
      if (each === operation) throw kernelError(code);
    },
  });
  it.each<[string, GroupBehaviour]>([
    ['memory is not offered', { controllers: ['cpu', 'pids'] }],
    ['processor time is not offered', { controllers: ['memory', 'pids'] }],
    ['threads are not counted', { controllers: ['memory', 'cpu'] }],
    ['another process is in the group', { processes: [4242, 1] }],
    ['there is no such file', fails('read cgroup.controllers', 'ENOENT')],
    ['groups cannot be made', fails('mkdir gate', 'EROFS')],
    ['processes cannot be moved', fails('write cgroup.procs', 'EACCES')],
    ['caps cannot be given', fails('write cgroup.subtree_control', 'EACCES')],
  ])('are not there when %s, and the worker stays where it was', (_, behaviour) => {
    const double = makeDouble(behaviour);
    expect(openResourceGroups(double.place).kind).toBe('none');
    expect(double.read('cgroup.procs').split('\n')).toContain('4242');
  });

  it.each([
    ['version 1 only', '4:memory:/\n1:cpu:/\n'],
    ['another system', ''],
  ])('are not there on a machine with %s', (_, own) => {
    expect(openResourceGroups({ ...makeDouble().place, own }).kind).toBe('none');
  });
});

describe('the group of a function', () => {
  it('has its caps', () => {
    const double = makeDouble();
    openOffered(double).open('f', 3);
    const caps = ['memory.max', 'memory.swap.max', 'cpu.max', 'cpu.weight', 'pids.max'].map((name) =>
      double.read(`function-f/${name}`),
    );
    expect(caps).toEqual([String(3 * 1024 * 1024), '0', '100000 100000', '25', '64']);
  });

  it('does without a cap on swap where the kernel counts none', () => {
    const double = makeDouble({ countsSwap: false });
    openOffered(double).open('f', 3);
    expect(double.read('function-f/memory.max')).toBe(String(3 * 1024 * 1024));
  });

  it.each(['memory.max', 'cpu.max', 'cpu.weight', 'pids.max'])('is not made without %s', (name) => {
    const double = makeDouble(fails(`write ${name}`));
    expect(() => openOffered(double).open('f', 3)).toThrow('EIO');
  });
  const fails = (operation: string): GroupBehaviour => ({
    before: (each) => {
      if (each === operation) throw kernelError('EIO');
    },
  });

  it('takes the place of one that was left behind, unless somebody is in it', () => {
    const double = makeDouble();
    const groups = openOffered(double);
    groups.open('f', 3);
    writeFileSync(join(double.base, 'function-f/memory.max'), 'max\n');
    groups.open('f', 4);
    expect(double.read('function-f/memory.max')).toBe(String(4 * 1024 * 1024));
    writeFileSync(join(double.base, 'function-f/cgroup.procs'), '77\n');
    expect(() => groups.open('f', 4)).toThrow('EBUSY');
  });

  it('goes when it is closed', () => {
    const double = makeDouble();
    const group = openOffered(double).open('f', 3);
    expect(double.groups()).toContain('function-f');
    group.close();
    expect(double.groups()).not.toContain('function-f');
  });
});

describe('the process of a function', () => {
  let rogue: Uint8Array;
  beforeAll(async () => {
    rogue = await buildRogue();
  });

  it('is in the group before it loads anything', async () => {
    const double = makeDouble();
    const f = await loadGuest(rogue, {}, () => undefined, { groups: openOffered(double) });
    expect(double.read('function-guest/cgroup.procs')).toMatch(/^\d+$/);
    expect(textOf(await post(f, 'still answers'))).toBe('still answers');
    await f.close();
  });

  it('does not come up where it cannot join', async () => {
    const double = makeDouble();
    const offered = openOffered(double);
    const groups: Offered = {
      ...offered,
      open: (name, mib) => ({ ...offered.open(name, mib), path: '/nonexistent/group' }),
    };
    await expect(loadGuest(rogue, {}, () => undefined, { groups })).rejects.toMatchObject({
      code: 'ERR_FUNCTION_UNAVAILABLE',
    });
  });

  it.each([
    ['says so when the kernel ended it for its memory', 1, ['killed for its memory']],
    ['says nothing when it ended otherwise', 0, []],
  ])('%s', async (_, kills, expected) => {
    const double = makeDouble();
    const notices: FunctionNotice[] = [];
    const onNotice = (notice: FunctionNotice): void => void notices.push(notice);
    const f = await loadGuest(rogue, {}, () => undefined, { groups: openOffered(double), onNotice });
    const pid = Number(double.read('function-guest/cgroup.procs'));
    writeFileSync(
      join(double.base, 'function-guest/memory.events'),
      `oom ${kills}\noom_kill ${kills}\noom_group_kill 0\n`,
    );
    process.kill(pid, 'SIGKILL');
    // The next process is there, so the end of the first one was heard.
    await expect.poll(async () => (await post(f, 'x').catch(() => null)) ?? 'none').toBeDefined();
    await f.close();
    expect(notices).toEqual(expected);
  });
});
