/**
 * The gate beside a child that does its worst: it goes on, keeps no more than it may, and answers for another function meanwhile. What is kept is
 * counted in buffers, because the memory of a test's process says little.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { asConfined } from '../../../src/enclave/sandbox/confined-process.ts';
import { encodeFrame } from '../../../src/enclave/sandbox/frame.ts';
import { type FunctionProcess, openFunctionProcess } from '../../../src/enclave/sandbox/function-process.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { SYSTEM_TIMERS } from '../../../src/enclave/sandbox/timers.ts';
import { NEVER_OPEN, NO_EGRESS } from './guests.ts';

const SCRIPT = join(import.meta.dirname, 'hostile-child.ts');
const MAX_CALLS = 4;

interface Opened {
  readonly running: FunctionProcess;
  readonly children: readonly ChildProcess[];
  readonly printed: readonly string[];
}

const opened: FunctionProcess[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((running) => running.close()));
});

/** Opens a function whose first child behaves as `how` says, and whose later ones answer. */
async function open(how: string): Promise<Opened> {
  const children: ChildProcess[] = [];
  const printed: string[] = [];
  const running = await openFunctionProcess({
    name: how,
    launch: () => {
      const args = ['--max-old-space-size=32', SCRIPT, children.length === 0 ? how : 'answers'];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
      children.push(child);
      return asConfined(child);
    },
    load: encodeFrame(FRAME.load, 0, {}),
    startDeadlineMs: 20_000,
    frameBytes: LIMITS.frameBytes,
    maxCalls: MAX_CALLS,
    maxEgress: 1,
    cpuMs: 600_000,
    graceMs: 8,
    spareMs: 0,
    circuits: NEVER_OPEN,
    timers: SYSTEM_TIMERS,
    onNotice: () => undefined,
    onLog: (line) => printed.push(line),
  });
  opened.push(running);
  return { running, children, printed };
}

async function call({ running }: Opened, deadlineMs = 20_000, body = new Uint8Array(0)): Promise<string> {
  try {
    await running.call({}, body, {
      deadlineMs,
      caller: '',
      egress: NO_EGRESS,
      sockets: NO_SOCKET_EGRESS,
      whenGone: () => undefined,
      expects: 'answer',
    });
    return 'answered';
  } catch (e) {
    return (e as { readonly code: string }).code;
  }
}

const pipeOf = ({ children }: Opened): Duplex & { readonly bytesRead: number } =>
  children[0]?.stdio[3] as unknown as Duplex & { readonly bytesRead: number };

describe('a child that does its worst in a call', () => {
  it.each([
    ['sends half a frame and ends', 20_000, 'ERR_FUNCTION_TRAP'],
    ['sends half a frame and no more', 500, 'ERR_FUNCTION_DEADLINE'],
    ['sends single bytes of a frame that is too large', 20_000, 'ERR_FUNCTION_PROTOCOL'],
    ['logs for ever', 20_000, 'ERR_FUNCTION_PROTOCOL'],
    ['floods its errors for ever', 500, 'ERR_FUNCTION_DEADLINE'],
    ['never reads', 500, 'ERR_FUNCTION_DEADLINE'],
    ['exhausts its heap', 20_000, 'ERR_FUNCTION_TRAP'],
  ])(
    '%s: that call ends, another function answers meanwhile, and so does this one afterwards',
    async (how, deadlineMs, code) => {
      const rogue = await open(how);
      const other = await open('answers');
      const bad = call(rogue, deadlineMs);
      expect(await call(other)).toBe('answered');
      expect(await bad).toBe(code);
      expect(await call(rogue)).toBe('answered');
      expect(rogue.children[0]?.killed === true || rogue.children[0]?.exitCode !== null).toBe(true);
      expect(rogue.printed.join('').length).toBeLessThanOrEqual(3 * 16 * 1024);
      expect(pipeOf(rogue).readableLength).toBe(0);
    },
  );

  it('answers and ends: the answer counts, and the next call is answered by the next child', async () => {
    const rogue = await open('answers and ends');
    expect(await call(rogue)).toBe('answered');
    const [child] = rogue.children;
    if (child !== undefined && child.exitCode === null) await once(child, 'exit');
    expect(await call(rogue)).toBe('answered');
    expect(rogue.children).toHaveLength(2);
  });

  it('answers, then sends frames for ever: it is killed at the first of them', async () => {
    const rogue = await open('answers, then sends frames for ever');
    expect(await call(rogue)).toBe('answered');
    const [child] = rogue.children;
    if (child !== undefined && child.signalCode === null) await once(child, 'exit');
    expect(child?.signalCode).toBe('SIGKILL');
    expect(pipeOf(rogue).bytesRead).toBeLessThan(1024 * 1024);
  });

  it('never reads: the gate holds no more for it than the calls that it may have at once', async () => {
    const rogue = await open('never reads');
    const body = new Uint8Array(1024 * 1024);
    const calls = Array.from({ length: 4 * MAX_CALLS }, () => call(rogue, 1000, body));
    await new Promise((resolve) => setImmediate(resolve));
    expect(pipeOf(rogue).writableLength).toBeGreaterThan(0);
    expect(pipeOf(rogue).writableLength).toBeLessThan((MAX_CALLS + 1) * body.length);
    const codes = await Promise.all(calls);
    // The first deadline can take the process from the others before theirs.
    expect(codes.filter((code) => code === 'ERR_FUNCTION_UNAVAILABLE').length).toBeGreaterThanOrEqual(3 * MAX_CALLS);
    expect(new Set(codes)).toEqual(new Set(['ERR_FUNCTION_DEADLINE', 'ERR_FUNCTION_UNAVAILABLE']));
    const [child] = rogue.children;
    if (child !== undefined && child.signalCode === null) await once(child, 'exit');
    expect(pipeOf(rogue).destroyed).toBe(true);
  });
});
