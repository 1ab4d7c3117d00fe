/** Guests that use up what a process has, with the very processes that functions get: the call ends, and another function does not notice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRunaway } from '../../../bench/runaway-guest.ts';
import { readWhole } from '../../../src/enclave/sandbox/body.ts';
import type { SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { loadGuest, post } from './guests.ts';

let rogue: SandboxedFunction;
let other: SandboxedFunction;
beforeAll(async () => {
  const bytes = await buildRunaway();
  rogue = await loadGuest(bytes, { heapMiB: 64, memoryPages: 1024, processMiB: 192 });
  other = await loadGuest(bytes);
});
afterAll(async () => {
  await Promise.all([rogue.close(), other.close()]);
});

/** Posts under a caller of its own, and gives the body or the code of the error. */
async function ask(f: SandboxedFunction, body: string, caller: string): Promise<string> {
  try {
    // What is over the cap is left to the child, which has to notice that nobody reads on.
    const bytes = await readWhole((await post(f, body, { caller })).body, 1024 * 1024);
    return bytes === null ? 'too long' : new TextDecoder().decode(bytes);
  } catch (e) {
    return (e as { readonly code: string }).code;
  }
}

describe('a guest', () => {
  it.each([
    ['traps in each call', 't', ['ERR_FUNCTION_TRAP'], 20],
    ['floods its output', 'f', ['too long'], 1],
    ['opens 10,000 streams', 's', ['s'], 2],
    ['asks outside 10,000 times without waiting', 'a', ['a'], 1],
    ['grows its memory to its cap', 'g', ['g'], 1],
    // A busy machine collects garbage until the deadline.
    ['exhausts the heap', 'h', ['ERR_FUNCTION_TRAP', 'ERR_FUNCTION_DEADLINE'], 1],
  ])('that %s ends alone, and another function answers meanwhile', async (what, body, expected, times) => {
    const bad = (async () => {
      const outcomes = [];
      for (let i = 0; i < times; i++) outcomes.push(await ask(rogue, body, what));
      return outcomes;
    })();
    expect(await ask(other, 'x', 'polite')).toBe('x');
    expect((await bad).filter((outcome) => !expected.includes(outcome))).toEqual([]);
    expect(await ask(rogue, 'x', 'polite')).toBe('x');
  });

  it('together with others in its process gets no more memory than the process may have', async () => {
    // Each could have 64 MiB, and all of them together have 192 with the heap.
    const outcomes = await Promise.all(Array.from({ length: 4 }, (_, i) => ask(rogue, 'g', `caller ${i}`)));
    expect(outcomes.every((outcome) => outcome === 'g' || outcome.startsWith('ERR_FUNCTION_'))).toBe(true);
    expect(await ask(rogue, 'x', 'polite')).toBe('x');
  });
});
