/** Instances that answer several queries, because the owners say so: what is kept, what is not, and when one is thrown away. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxedFunction } from '../../../src/enclave/sandbox/load.ts';
import { buildRogue, loadGuest, post, textOf } from './guests.ts';

let rogue: Uint8Array;
beforeAll(async () => {
  rogue = await buildRogue();
});

let loaded: SandboxedFunction | null = null;
const logged: string[] = [];

async function load(instances: { kind: 'fresh' } | { kind: 'pooled'; calls: number }): Promise<SandboxedFunction> {
  logged.length = 0;
  loaded = await loadGuest(rogue, { instances }, (line) => logged.push(line));
  return loaded;
}

afterEach(() => loaded?.close());

/** Asks the guest how many queries its instance has had, this one included. */
async function count(f: SandboxedFunction): Promise<number> {
  return Number(textOf(await post(f, 'c')));
}

describe('a pooled function', () => {
  it('answers one query after the other in the same memory', async () => {
    const f = await load({ kind: 'pooled', calls: 100 });
    expect([await count(f), await count(f), await count(f)]).toEqual([1, 2, 3]);
  });

  it('does not where the owners did not say so', async () => {
    const f = await load({ kind: 'fresh' });
    expect([await count(f), await count(f), await count(f)]).toEqual([1, 1, 1]);
  });

  it('never has two queries in one instance at a time', async () => {
    const f = await load({ kind: 'pooled', calls: 100 });
    // A query that waits keeps its instance, so the other one gets another.
    const waiting = post(f, 's');
    expect(await count(f)).toBe(1);
    expect(textOf(await waiting)).toBe('s');
  });

  it('starts anew after as many calls as the owners allow', async () => {
    const f = await load({ kind: 'pooled', calls: 2 });
    expect([await count(f), await count(f), await count(f)]).toEqual([1, 2, 1]);
  });

  it.each([
    ['a trap', 't'],
    ['a query without an answer that ends in an exit', 'x'],
    ['a query that wrote more than it may', 'f'],
  ])('starts anew after %s', async (_, body) => {
    const f = await load({ kind: 'pooled', calls: 100 });
    expect(await count(f)).toBe(1);
    await expect(post(f, body)).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    expect(await count(f)).toBe(1);
  });

  it('starts anew after a deadline', async () => {
    const f = await load({ kind: 'pooled', calls: 100 });
    expect(await count(f)).toBe(1);
    await expect(post(f, 'l', { deadlineMs: 50 })).rejects.toMatchObject({ code: 'ERR_FUNCTION_DEADLINE' });
    expect(await count(f)).toBe(1);
  });

  it('goes on after an answer that is an error of its own', async () => {
    const f = await load({ kind: 'pooled', calls: 100 });
    expect(await count(f)).toBe(1);
    await expect(post(f, 'e')).rejects.toMatchObject({ code: 'ERR_FUNCTION_TRAP' });
    expect(await count(f)).toBe(3);
  });

  it('logs what each query wrote once, though its streams stay open', async () => {
    const f = await load({ kind: 'pooled', calls: 100 });
    await post(f, 'o');
    await post(f, 'hello');
    await post(f, 'o');
    expect(logged.filter((line) => line.includes('secret'))).toHaveLength(2);
  });
});
