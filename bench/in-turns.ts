/**
 * Compares pairs of functions for a stated ratio: both are called in turns, some milliseconds each, and the ratio is the median over turns
 * of one divided by the other, so that a neighbour who comes and goes slows both or neither. Wall time and CPU time of all threads, because
 * work that is done at the same time makes them differ.
 */
import { median } from './case.ts';

const TURNS = 80;
const TURN_MS = 25;

/** Microseconds per call, and what the subject's are to those of the base in the same turn; medians. */
export interface Comparison {
  readonly baseUs: number;
  readonly baseCpuUs: number;
  readonly us: number;
  readonly cpuUs: number;
  readonly ratio: number;
  readonly cpuRatio: number;
}

interface Turn {
  readonly us: number;
  readonly cpuUs: number;
}

async function turnOf(subject: () => Promise<unknown>, calls: number): Promise<Turn> {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) await subject();
  const us = Number(process.hrtime.bigint() - start) / 1000 / calls;
  const { user, system } = process.cpuUsage(cpu);
  return { us, cpuUs: (user + system) / calls };
}

/** Compares a subject with its base; both are called equally often. */
export async function compareInTurns(
  base: () => Promise<unknown>,
  subject: () => Promise<unknown>,
): Promise<Comparison> {
  const { us: guessUs } = await turnOf(subject, 10);
  const calls = Math.max(1, Math.round((TURN_MS * 1000) / guessUs));
  const turns: (readonly [Turn, Turn])[] = [];
  for (let i = 0; i < TURNS; i++) {
    // Whoever goes second finds the other's garbage, so they change places.
    const first = await turnOf(i % 2 === 0 ? base : subject, calls);
    const second = await turnOf(i % 2 === 0 ? subject : base, calls);
    turns.push(i % 2 === 0 ? [first, second] : [second, first]);
  }
  return {
    baseUs: median(turns.map(([b]) => b.us)),
    baseCpuUs: median(turns.map(([b]) => b.cpuUs)),
    us: median(turns.map(([, s]) => s.us)),
    cpuUs: median(turns.map(([, s]) => s.cpuUs)),
    ratio: median(turns.map(([b, s]) => s.us / b.us)),
    cpuRatio: median(turns.map(([b, s]) => s.cpuUs / b.cpuUs)),
  };
}
