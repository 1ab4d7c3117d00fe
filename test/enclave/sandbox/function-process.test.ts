/** What the gate does with a child that breaks the protocol, dies or hangs: kills it, fails the call by name, and starts the next. */

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { asConfined } from '../../../src/enclave/sandbox/confined-process.ts';
import { encodeFrame } from '../../../src/enclave/sandbox/frame.ts';
import { type FunctionProcess, openFunctionProcess } from '../../../src/enclave/sandbox/function-process.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { SYSTEM_TIMERS } from '../../../src/enclave/sandbox/timers.ts';
import { NEVER_GONE, wholeOf } from '../bodies.ts';
import { NEVER_OPEN, NO_EGRESS } from './guests.ts';

const SCRIPT = join(import.meta.dirname, 'hostile-child.ts');

interface Hostile {
  readonly open: Promise<FunctionProcess>;
  readonly children: ChildProcess[];
  readonly printed: string[];
}

/** Opens a function over children that behave as `how` says, from the second on as `later` says. */
function openHostile(how: string, startDeadlineMs = 20_000, later = how): Hostile {
  const children: ChildProcess[] = [];
  const printed: string[] = [];
  const open = openFunctionProcess({
    name: 'hostile',
    launch: () => {
      const child = spawn(process.execPath, [SCRIPT, children.length === 0 ? how : later], {
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      });
      children.push(child);
      return asConfined(child);
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs,
    frameBytes: LIMITS.frameBytes,
    maxCalls: 4,
    maxEgress: 1,
    cpuMs: 600_000,
    graceMs: 8,
    spareMs: 0,
    circuits: NEVER_OPEN,
    timers: SYSTEM_TIMERS,
    onNotice: () => undefined,
    onLog: (line) => printed.push(line),
  });
  return { open, children, printed };
}

const call = (running: FunctionProcess, deadlineMs = 20_000): Promise<unknown> =>
  running.call({}, new Uint8Array(0), {
    deadlineMs,
    egress: NO_EGRESS,
    sockets: NO_SOCKET_EGRESS,
    caller: '',
    whenGone: NEVER_GONE,
    expects: 'answer',
  });

const isGone = (child: ChildProcess | undefined): boolean =>
  child !== undefined && (child.exitCode !== null || child.signalCode !== null);

describe('a child that does not start well', () => {
  it.each([
    ['dies at start', 'ERR_FUNCTION_UNAVAILABLE', 20_000],
    ['garbage at start', 'ERR_FUNCTION_UNAVAILABLE', 20_000],
    ['is silent', 'ERR_FUNCTION_UNAVAILABLE', 500],
    ['refuses', 'ERR_FUNCTION_INVALID', 20_000],
  ])('%s: the function is not loaded, and no process is left', async (how, code, deadlineMs) => {
    const { open, children } = openHostile(how, deadlineMs);
    await expect(open).rejects.toMatchObject({ code });
    expect(children.length).toBe(1);
    expect(children.every(isGone)).toBe(true);
  });
});

describe('a child that breaks the protocol during a call', () => {
  it.each([
    ['garbage', 'ERR_FUNCTION_PROTOCOL'],
    ['a huge length', 'ERR_FUNCTION_PROTOCOL'],
    ['ready twice', 'ERR_FUNCTION_PROTOCOL'],
    ['an unknown call', 'ERR_FUNCTION_PROTOCOL'],
    ['the wrong kind of answer', 'ERR_FUNCTION_PROTOCOL'],
    ['a frame of the gate', 'ERR_FUNCTION_PROTOCOL'],
    ['bad CBOR', 'ERR_FUNCTION_PROTOCOL'],
    ['logs twice', 'ERR_FUNCTION_PROTOCOL'],
    ['a lookup without a name', 'ERR_FUNCTION_PROTOCOL'],
    ['a connection to a name', 'ERR_FUNCTION_PROTOCOL'],
    ['one number for two connections', 'ERR_FUNCTION_PROTOCOL'],
    ['bytes of no connection', 'ERR_FUNCTION_PROTOCOL'],
    ['dies', 'ERR_FUNCTION_TRAP'],
    ['closes the pipe', 'ERR_FUNCTION_TRAP'],
    ['floods its output', 'ERR_FUNCTION_TRAP'],
  ])('%s: the call ends in %s, and the next child takes over', async (how, code) => {
    const { open, children, printed } = openHostile(how);
    const running = await open;
    await expect(call(running)).rejects.toMatchObject({ code });
    // The second call is answered as badly, but by another child.
    await expect(call(running)).rejects.toMatchObject({ code });
    expect(children.length).toBeGreaterThanOrEqual(2);
    expect(children[0]?.pid).not.toBe(children[1]?.pid);
    await running.close();
    expect(isGone(children.at(-1))).toBe(true);
    expect(printed.join('').length).toBeLessThanOrEqual(3 * 16 * 1024);
  });

  it('answers nothing: the call ends at its deadline', async () => {
    const { open, children } = openHostile('answers nothing');
    const running = await open;
    await expect(call(running, 200)).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    await running.close();
    expect(children[0]?.signalCode).toBe('SIGKILL');
  });

  it('asks for much at once: what is over the limit is refused without reaching the gate', async () => {
    const { open } = openHostile('asks for much at once');
    const running = await open;
    let asked = 0;
    const egress = async (): Promise<{ error: string }> => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { error: 'DNS-timeout' };
    };
    const options = {
      deadlineMs: 20_000,
      egress,
      sockets: NO_SOCKET_EGRESS,
      caller: '',
      whenGone: NEVER_GONE,
      expects: 'answer',
    } as const;
    const answer = await running.call({}, new Uint8Array(0), options);
    expect(answer.type === 'answer' && new TextDecoder().decode(wholeOf(answer.response.body))).toBe(
      'DNS-timeout connection-limit-reached connection-limit-reached',
    );
    expect(asked).toBe(1);
    await running.close();
  });
});
