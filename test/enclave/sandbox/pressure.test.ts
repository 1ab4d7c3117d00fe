/** What a child can make the gate keep or start: single bytes, requests whose answers it never reads, deaths, and starts that fail. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { asConfined } from '../../../src/enclave/sandbox/confined-process.ts';
import { encodeFrame, openFrameReader } from '../../../src/enclave/sandbox/frame.ts';
import { type FunctionProcess, openFunctionProcess } from '../../../src/enclave/sandbox/function-process.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import type { Egress } from '../../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { SYSTEM_TIMERS } from '../../../src/enclave/sandbox/timers.ts';
import { NEVER_GONE } from '../bodies.ts';
import { NEVER_OPEN, NO_EGRESS } from './guests.ts';

const SCRIPT = join(import.meta.dirname, 'hostile-child.ts');
const STDIO: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe', 'pipe'];

interface Opened {
  readonly open: Promise<FunctionProcess>;
  readonly children: ChildProcess[];
}

/** Opens a function over children that `launch` makes; it is told how many there were before. */
function openOver(launch: (before: number) => ChildProcess): Opened {
  const children: ChildProcess[] = [];
  let launches = 0;
  const open = openFunctionProcess({
    name: 'hostile',
    launch: () => {
      launches += 1;
      const child = launch(launches - 1);
      children.push(child);
      return asConfined(child);
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs: 20_000,
    frameBytes: LIMITS.frameBytes,
    maxCalls: 4,
    maxEgress: 1,
    cpuMs: 600_000,
    graceMs: 8,
    spareMs: 0,
    circuits: NEVER_OPEN,
    timers: SYSTEM_TIMERS,
    onNotice: () => undefined,
    onLog: () => undefined,
  });
  return { open, children };
}

const child = (how: string): ChildProcess => spawn(process.execPath, [SCRIPT, how], { stdio: STDIO });

const call = (running: FunctionProcess, deadlineMs = 20_000, egress: Egress = NO_EGRESS): Promise<unknown> =>
  running.call({}, new Uint8Array(0), {
    deadlineMs,
    egress,
    sockets: NO_SOCKET_EGRESS,
    caller: '',
    whenGone: NEVER_GONE,
    expects: 'answer',
  });

describe('single bytes', () => {
  it('make up a large frame as well as blocks do', () => {
    const frame = encodeFrame(FRAME.log, 7, { text: 'x' }, new Uint8Array(300_000).fill(9));
    const read = openFrameReader(1024 * 1024);
    const frames = [...frame].flatMap((byte) => [...(read(Uint8Array.of(byte)) ?? [])]);
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({ type: FRAME.log, call: 7 });
  });
});

describe('a child that asks and does not listen', () => {
  it('is not read any further while what it was sent waits', async () => {
    const { open, children } = openOver(() => child('asks for ever and does not read'));
    const running = await open;
    let asked = 0;
    const egress: Egress = () => {
      asked += 1;
      return Promise.resolve({ status: 200, headers: [], body: new Uint8Array(512) });
    };
    const before = process.memoryUsage().rss;
    await expect(call(running, 3000, egress)).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    const pipe = children[0]?.stdio[3] as unknown as { bytesRead: number };
    // A socket's buffers both ways, and the pieces that are under way; without a brake it is hundreds of megabytes.
    expect(pipe.bytesRead).toBeLessThan(8 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
    expect(asked).toBeGreaterThan(0);
    await running.close();
  });
});

describe('a call that is over', () => {
  it.each([
    ['killed', 'asks for much at once', 300, 'ERR_FUNCTION_DEADLINE'],
    ['lost', 'asks and dies', 20_000, 'ERR_FUNCTION_TRAP'],
  ])('because it was %s ends its requests', async (_, how, deadlineMs, code) => {
    const { open } = openOver(() => child(how));
    const running = await open;
    const signals: AbortSignal[] = [];
    const egress: Egress = (_request, ended) => {
      signals.push(ended);
      return new Promise(() => undefined);
    };
    await expect(call(running, deadlineMs, egress)).rejects.toMatchObject({ code });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    await running.close();
  });
});

describe('a child that answers twice', () => {
  it('is killed for the second answer; the first one counts', async () => {
    const { open, children } = openOver(() => child('answers twice'));
    const running = await open;
    await expect(call(running)).resolves.toMatchObject({ type: 'answer' });
    await expect(call(running)).resolves.toMatchObject({ type: 'answer' });
    await running.close();
    expect(children.length).toBeGreaterThanOrEqual(2);
  });
});

describe('a child that dies as soon as it is ready', () => {
  it('is started again more and more slowly', async () => {
    const { open, children } = openOver(() => child('dies when ready'));
    const running = await open;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    // Pauses of 100, 200, 400, 800 and 1600 ms.
    expect(children.length).toBeLessThanOrEqual(6);
    await running.close();
  });
});

describe('a child that cannot be started', () => {
  const broken = (): ChildProcess => spawn('/nonexistent/program', [], { stdio: STDIO });
  /** As Node leaves a child when the process has no file descriptors left: an error to come, and no streams. */
  const withoutStreams = (): ChildProcess => {
    const none = broken();
    for (const stream of none.stdio) stream?.on('error', () => undefined).destroy();
    Object.defineProperty(none, 'stdio', { value: undefined });
    Object.defineProperty(none, 'stdout', { value: undefined });
    Object.defineProperty(none, 'stderr', { value: undefined });
    return none;
  };
  const throwing = (): ChildProcess => {
    throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
  };

  it.each([
    ['the program is missing', broken],
    ['no descriptors are left', withoutStreams],
    ['no memory is left', throwing],
  ])('because %s: the function is not loaded', async (_, launch) => {
    await expect(openOver(launch).open).rejects.toMatchObject({ code: 'ERR_FUNCTION_UNAVAILABLE' });
  });

  it.each([
    ['the program is missing', broken],
    ['no descriptors are left', withoutStreams],
    ['no memory is left', throwing],
  ])('later, because %s: the gate goes on, and so does the function once it can', async (_, launch) => {
    const { open } = openOver((before) => (before === 1 ? launch() : child(before === 0 ? 'dies' : 'answers')));
    const running = await open;
    await expect(call(running)).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    await expect(call(running)).resolves.toMatchObject({ type: 'answer' });
    await running.close();
  });
});
