/**
 * What one function can do to itself and to another: time from a deadline to the end of the process, time until the function answers again, and the
 * p99 of a second function while the first one misbehaves in each way, as a ratio to its p99 alone in the same run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../../src/base/limits.ts';
import { readWhole } from '../../src/enclave/sandbox/body.ts';
import { writeBundle } from '../../src/enclave/sandbox/bundle.ts';
import type { CircuitsLimits } from '../../src/enclave/sandbox/circuits.ts';
import { spawnFunctionChild } from '../../src/enclave/sandbox/confinement.ts';
import { type FunctionProcess, openFunctionProcess } from '../../src/enclave/sandbox/function-process.ts';
import { DEFAULT_FUNCTION_LIMITS } from '../../src/enclave/sandbox/load.ts';
import { writeRequestHead } from '../../src/enclave/sandbox/messages.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { SYSTEM_TIMERS } from '../../src/enclave/sandbox/timers.ts';
import { type BenchCase, compared, type Figure, figure } from '../case.ts';
import { buildRunaway, MISBEHAVIOURS } from '../runaway-guest.ts';

/** After its deadline a function is to be killed and back within so long, and another's p99 is to stay within so many times. */
const PROMISED = { killedMs: 20, backMs: 100, times: 2 } as const;
const KILLS = 50;
const KILL_DEADLINE_MS = 100;
/** Until the spare of a function that was just called stands ready. */
const SPARE_MS = 1000;
/** The other function is asked at a fixed rate, as callers do who do not wait for each other. */
const EVERY_MS = 10;
const TURN_MS = 3000;
const TURNS = 3;
/** Longer than any misbehaviour that ends by itself. */
const DEADLINE_MS = 3000;
/** What a caller reads of an answer before it turns away. */
const READ_BYTES = 16 * 1024 * 1024;
/** A function that is held back would be quiet, and its neighbour's figures too good. */
const NEVER = { deaths: 1_000_000, windowMs: 1, pauseMs: 1 };
const NEVER_OPEN: CircuitsLimits = { caller: NEVER, all: NEVER, callers: 1 };

interface Opened {
  readonly running: FunctionProcess;
  /** When each of its processes ended. */
  readonly ends: number[];
}

async function open(bytes: Uint8Array, heapMiB: number): Promise<Opened> {
  const limits = { ...DEFAULT_FUNCTION_LIMITS, heapMiB };
  const { instances, memoryPages, outputBytes, scratchBytes } = limits;
  const ends: number[] = [];
  const running = await openFunctionProcess({
    ...limits,
    name: 'function',
    launch() {
      const child = spawnFunctionChild(limits, null);
      void child.ended.then(() => ends.push(performance.now()));
      return child;
    },
    load: writeBundle(
      { kind: 'http', instances, rules: { memoryPages, gas: null }, mounts: [], env: [], scratchBytes, bytes },
      outputBytes,
    ),
    frameBytes: LIMITS.frameBytes,
    circuits: NEVER_OPEN,
    timers: SYSTEM_TIMERS,
    onNotice: () => undefined,
    onLog: () => undefined,
  });
  return { running, ends };
}

async function ask({ running }: Opened, what: string, deadlineMs: number): Promise<'answered' | 'failed'> {
  const request = { method: 'POST', path: '/', authority: 'a.test', headers: [], body: new TextEncoder().encode(what) };
  const egress = (): Promise<{ error: string }> => Promise.resolve({ error: 'HTTP-request-denied' });
  try {
    const answer = await running.call(writeRequestHead(request), request.body, {
      deadlineMs,
      caller: '',
      egress,
      sockets: NO_SOCKET_EGRESS,
      whenGone: () => undefined,
      expects: 'answer',
    });
    if (answer.type === 'answer') await readWhole(answer.response.body, READ_BYTES);
    return 'answered';
  } catch {
    return 'failed';
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}

/** Lets the function loop past its deadline again and again. */
async function measureKills(looping: Opened): Promise<readonly Figure[]> {
  const killed: number[] = [];
  const back: number[] = [];
  await ask(looping, 'x', DEADLINE_MS);
  await sleep(SPARE_MS);
  for (let i = 0; i < KILLS; i++) {
    const ended = looping.ends.length;
    const deadline = performance.now() + KILL_DEADLINE_MS;
    await ask(looping, 'l', KILL_DEADLINE_MS);
    while ((await ask(looping, 'x', DEADLINE_MS)) === 'failed');
    back.push(performance.now() - deadline);
    while (looping.ends.length === ended) await sleep(1);
    killed.push((looping.ends[ended] ?? Number.NaN) - deadline);
    // Time for the next spare.
    await sleep(SPARE_MS);
  }
  const row = (name: string, values: readonly number[], atMostMs: number): readonly Figure[] => [
    figure(`${name}, p50`, 'ms', quantile(values, 0.5), atMostMs),
    figure(`${name}, max`, 'ms', Math.max(...values), atMostMs),
  ];
  return [
    ...row('deadline to killed', killed, PROMISED.killedMs),
    ...row('deadline to next answer', back, PROMISED.backMs),
  ];
}

/** Asks at the fixed rate for one turn, and gives how long each answer took. */
async function timeAnswers(asked: Opened): Promise<readonly number[]> {
  const took: number[] = [];
  const all: Promise<void>[] = [];
  const begin = performance.now();
  for (let i = 0; i * EVERY_MS < TURN_MS; i++) {
    await sleep(Math.max(begin + i * EVERY_MS - performance.now(), 0));
    const from = performance.now();
    all.push(ask(asked, 'x', DEADLINE_MS).then(() => void took.push(performance.now() - from)));
  }
  await Promise.all(all);
  return took;
}

/** Has one function misbehave again and again until told to stop. */
function misbehave(rogue: Opened, what: string): () => Promise<void> {
  const over = new AbortController();
  const ended = (async () => {
    while (!over.signal.aborted) await ask(rogue, what, DEADLINE_MS);
  })();
  return async () => {
    over.abort();
    await ended;
  };
}

/** Measures alone and beside each misbehaviour in turns, so that a machine that is busy for a while meets both. */
async function measureNeighbour(rogue: Opened, neighbour: Opened): Promise<readonly Figure[]> {
  await timeAnswers(neighbour);
  const figures: Figure[] = [];
  for (const [name, what] of Object.entries(MISBEHAVIOURS)) {
    const alone: number[] = [];
    const beside: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      alone.push(...(await timeAnswers(neighbour)));
      const stop = misbehave(rogue, what);
      beside.push(...(await timeAnswers(neighbour)));
      await stop();
    }
    const base = figure(`another, p99 alone (${name})`, 'ms', quantile(alone, 0.99));
    figures.push(base, compared(`another, p99 while one ${name}`, quantile(beside, 0.99), base, PROMISED.times));
  }
  return figures;
}

export const runaway: BenchCase = {
  name: 'runaway',
  about: `a function that loops past its deadline ${KILLS} times; another one's p99 while it misbehaves, asked every ${EVERY_MS} ms`,
  async run() {
    const bytes = await buildRunaway();
    const rogue = await open(bytes, 64);
    const neighbour = await open(bytes, DEFAULT_FUNCTION_LIMITS.heapMiB);
    try {
      return [...(await measureKills(rogue)), ...(await measureNeighbour(rogue, neighbour))];
    } finally {
      await Promise.all([rogue.running.close(), neighbour.running.close()]);
    }
  },
};
