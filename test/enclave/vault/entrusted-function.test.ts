/** A function and its owners' data: which process answers, and which ends, when data comes, changes or is taken back. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import type { MountImage } from '../../../src/enclave/sandbox/files/mount.ts';
import type { CallTerms, FunctionRequest, LoadedFunction } from '../../../src/enclave/sandbox/sandbox.ts';
import { openEntrustedFunction } from '../../../src/enclave/vault/entrusted-function.ts';
import type { HeldData } from '../../../src/enclave/vault/vault.ts';
import { FunctionError } from '../../../src/errors.ts';
import { vaultPolicy } from './vault-world.ts';

const REQUEST: FunctionRequest = { method: 'GET', path: '/', authority: '', headers: [], body: new Uint8Array(0) };
const TERMS = {} as CallTerms;

/** A process that answers with what it may read; a call that is held lasts until it is let go. */
interface FakeProcess extends LoadedFunction {
  readonly reads: string;
  isClosed: boolean;
  held: PromiseWithResolvers<void> | null;
}

function textOf(mounts: readonly MountImage[]): string {
  return mounts
    .flatMap(({ items }) => items.flatMap((item) => (item.kind === 'file' ? [Buffer.from(item.bytes).toString()] : [])))
    .join(' ');
}

/** Owners a and b, each with one file; both list the function. */
async function openWorld() {
  const policies = [
    vaultPolicy('data: { rows: { mount: /data/a.csv, max: 1 KiB } }', { owner: 'a' }),
    vaultPolicy('data: { rows: { mount: /data/b.csv, max: 1 KiB } }', { owner: 'b' }),
  ];
  const data = new Map<string, HeldData>();
  const listeners = new Set<(owner: string) => void>();
  const started: FakeProcess[] = [];
  let editions = 0;
  const gate = { fails: false, slow: null as PromiseWithResolvers<void> | null };
  const load = async (mounts: readonly MountImage[]): Promise<LoadedFunction> => {
    const reads = textOf(mounts);
    await gate.slow?.promise;
    if (gate.fails) throw new FunctionError('ERR_FUNCTION_UNAVAILABLE', 'no process');
    const process: FakeProcess = {
      reads,
      isClosed: false,
      held: null,
      async call() {
        await process.held?.promise;
        return { status: 200, headers: [], body: encodeUtf8(reads) };
      },
      close: async () => void (process.isClosed = true),
    };
    started.push(process);
    return process;
  };
  const vault = {
    data: (owner: string) => data.get(owner) ?? null,
    onChange: (listener: (owner: string) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const entrusted = await openEntrustedFunction({ name: 'f', policies: () => policies, vault, mounts: [], load });
  const tell = (owner: string): void => {
    for (const listener of listeners) listener(owner);
  };
  return {
    entrusted,
    started,
    gate,
    listeners,
    policies,
    put(owner: string, content: string) {
      editions += 1;
      data.set(owner, { edition: editions, bytes: encodeUtf8(content) });
      tell(owner);
    },
    forget(owner: string) {
      data.delete(owner);
      tell(owner);
    },
    async ask(): Promise<string> {
      const { body } = await entrusted.call(REQUEST, TERMS);
      return Buffer.from(body as Uint8Array).toString();
    },
  };
}

const refused = { code: 'ERR_FUNCTION_DATA' };
/** Lets everything run that waits for nothing else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a function whose owners entrust data to it', () => {
  it('is refused until all of it is there, and the refusal names who has to load what', async () => {
    const world = await openWorld();
    const failure = await world.ask().catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...refused, message: expect.stringMatching(/a .*rows.*b .*rows/) as string });
    world.put('a', 'of a');
    const second = await world.ask().catch((error: unknown) => error);
    expect(second).toMatchObject({ ...refused, message: expect.not.stringContaining('a.csv') as string });
    // Nobody reads a part of it either.
    expect(world.started.map(({ reads }) => reads)).toEqual(['']);
    world.put('b', 'of b');
    expect(await world.ask()).toBe('of a of b');
  });

  it('has one process for one state of the data, however many ask', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.put('b', 'of b');
    expect(await Promise.all([world.ask(), world.ask(), world.ask()])).toEqual(Array(3).fill('of a of b'));
    expect(world.started).toHaveLength(2);
    expect(world.started[0]?.isClosed).toBe(true);
  });

  it('is refused at once when data is taken back; the process that saw it ends with its last call', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.put('b', 'of b');
    await world.ask();
    const process = world.started.at(-1);
    if (process === undefined) throw new Error('no process');
    process.held = Promise.withResolvers();
    const running = world.ask();
    await settled();
    world.forget('b');
    await expect(world.ask()).rejects.toMatchObject(refused);
    expect(process.isClosed).toBe(false);
    process.held.resolve();
    expect(await running).toBe('of a of b');
    await settled();
    expect(process.isClosed).toBe(true);
    await expect(world.ask()).rejects.toMatchObject(refused);
  });

  it('answers from a new process when data is replaced', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.put('b', 'of b');
    await world.ask();
    world.put('b', 'new');
    expect(await world.ask()).toBe('of a new');
    await settled();
    expect(world.started.map(({ isClosed }) => isClosed)).toEqual([true, true, false]);
  });

  it('gives no call to a process that was still starting when data was taken back', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.gate.slow = Promise.withResolvers();
    world.put('b', 'of b');
    const waiting = world.ask();
    await settled();
    world.forget('b');
    world.gate.slow.resolve();
    await expect(waiting).rejects.toMatchObject(refused);
    await settled();
    expect(world.started.at(-1)).toMatchObject({ reads: 'of a of b', isClosed: true });
  });

  it('is tried again by the next call when its process does not start', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.gate.fails = true;
    world.put('b', 'of b');
    await expect(world.ask()).rejects.toMatchObject({ code: 'ERR_FUNCTION_UNAVAILABLE' });
    world.gate.fails = false;
    expect(await world.ask()).toBe('of a of b');
  });

  it('is refused when the data of its owners do not fit beside each other', async () => {
    const world = await openWorld();
    world.policies[1] = vaultPolicy('data: { rows: { mount: /data/a.csv, max: 1 KiB } }', { owner: 'b' });
    world.put('a', 'of a');
    world.put('b', 'of b');
    await expect(world.ask()).rejects.toMatchObject(refused);
  });

  it('leaves nothing behind when it is closed, also while it starts', async () => {
    const world = await openWorld();
    world.put('a', 'of a');
    world.gate.slow = Promise.withResolvers();
    world.put('b', 'of b');
    const closing = world.entrusted.close();
    world.gate.slow.resolve();
    await closing;
    await settled();
    expect(world.started).toHaveLength(2);
    expect(world.started.every(({ isClosed }) => isClosed)).toBe(true);
    expect(world.listeners.size).toBe(0);
  });
});
