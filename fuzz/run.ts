/**
 * Makes inputs, gives them to their target and holds the target to its properties: an outcome and no exception, within a time. An input is
 * decided by seed, target and number alone, so each can be made again without those before it.
 */

import { type Mutator } from './mutate.ts';
import { createRandom } from './random.ts';
import type { Target } from './target.ts';

/** What is to be done. */
export interface FuzzOptions {
  readonly targets: readonly Target[];
  /** Inputs of all targets together. */
  readonly runs: number;
  readonly seed: number;
  /** Most CPU time for one input; one that is over it gets two more tries, since other work of the process counts, too. */
  readonly maxMs: number;
  readonly onProgress: (done: number, target: string) => void;
}

/** An input that broke a property. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly number: number;
  readonly input: Uint8Array;
  readonly problem: string;
}

/** What a target saw. */
export interface TargetResult {
  readonly target: string;
  readonly inputs: number;
  readonly ms: number;
  readonly slowestMs: number;
  /** How often each outcome was, the most frequent first. */
  readonly outcomes: readonly (readonly [string, number])[];
  readonly findings: readonly Finding[];
}

/** Findings of one target after which it is left alone. */
const MAX_FINDINGS = 5;

/** Makes the input of this number: mostly a valid one with one to four changes, sometimes untouched, sometimes any bytes. */
export function makeInput(target: Target, seed: number, number: number): Uint8Array {
  const random = createRandom(seed, target.name, number);
  const kind = random.below(100);
  if (kind < 2) return random.bytes(random.below(2000));
  let input = random.pick(target.seeds);
  if (kind < 4) return input;
  for (let changes = 1 + random.below(random.chance(0.7) ? 1 : 4); changes > 0; changes--) {
    const mutate: Mutator = random.pick(target.mutators);
    input = mutate(input, random, target.seeds);
  }
  return input;
}

/** Runs one input; gives the outcome, or what is wrong. */
export async function runInput(
  target: Target,
  input: Uint8Array,
  maxMs: number,
): Promise<{ readonly outcome: string; readonly ms: number } | { readonly problem: string }> {
  const before = Uint8Array.from(input);
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 3; tries++) {
    const started = process.cpuUsage();
    let outcome: string;
    try {
      const result = target.run(input);
      outcome = typeof result === 'string' ? result : await result;
    } catch (error) {
      return { problem: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    const { user, system } = process.cpuUsage(started);
    best = Math.min(best, (user + system) / 1000);
    if (Buffer.compare(before, input) !== 0) return { problem: 'property: the input is not changed' };
    if (best <= maxMs) return { outcome, ms: best };
  }
  return { problem: `property: an input takes at most ${maxMs} ms, this one takes ${best.toFixed(0)}` };
}

async function fuzzTarget(target: Target, runs: number, options: FuzzOptions, done: number): Promise<TargetResult> {
  const { seed, maxMs, onProgress } = options;
  const outcomes = new Map<string, number>();
  const findings: Finding[] = [];
  const started = performance.now();
  let slowestMs = 0;
  let number = 0;
  for (; number < runs && findings.length < MAX_FINDINGS; number++) {
    const input = makeInput(target, seed, number);
    const result = await runInput(target, input, maxMs);
    if ('problem' in result) {
      findings.push({ target: target.name, seed, number, input, problem: result.problem });
    } else {
      outcomes.set(result.outcome, (outcomes.get(result.outcome) ?? 0) + 1);
      slowestMs = Math.max(slowestMs, result.ms);
    }
    if (number % 1000 === 0) onProgress(done + number, target.name);
  }
  return {
    target: target.name,
    inputs: number,
    ms: performance.now() - started,
    slowestMs,
    outcomes: [...outcomes].sort((a, b) => b[1] - a[1]),
    findings,
  };
}

/** Runs all targets, each with its share of the inputs. */
export async function fuzz(options: FuzzOptions): Promise<readonly TargetResult[]> {
  const shares = options.targets.reduce((sum, { share }) => sum + share, 0);
  const results: TargetResult[] = [];
  let done = 0;
  let sharesDone = 0;
  for (const target of options.targets) {
    sharesDone += target.share;
    // Counted from the whole, so that rounding loses no input.
    const until = Math.round((options.runs * sharesDone) / shares);
    const result = await fuzzTarget(target, until - done, options, done);
    results.push(result);
    done = until;
  }
  return results;
}
