/** That an instance which is made with another's side of the host finds it as if it were new, and when it is not given one. */
import { describe, expect, it } from 'vitest';
import { type ComponentInstance, instantiate } from '../../../../src/enclave/sandbox/component/instance.ts';
import { type LinkedComponent, linkComponent } from '../../../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { GuestTrap } from '../../../../src/enclave/sandbox/component/trap.ts';
import type { WasmMemory } from '../../../../src/enclave/sandbox/engine.ts';
import { lendMemories } from '../../../../src/enclave/sandbox/lend-memories.ts';
import { capMemory } from '../../../../src/enclave/sandbox/wasm/cap-memory.ts';
import { build, exportOf, type Functions, hostOf } from './kit.ts';

/** A component whose `go` does `body`; it has a memory, a kept number, a resource of its own and a host function that may wait. */
const guest = (body: string, { pages = 1, start = '' } = {}): string => `(component
  (import "t:w/host" (instance $host (export "note" (func (param "n" u32) (result u32)))))
  (core func $note (canon lower (func $host "note")))
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m
    (import "h" "note" (func $note (param i32) (result i32)))
    (import "h" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") ${pages} 64)
    (global $kept (mut i32) (i32.const 0))
    ${start}
    (func (export "go") (result i32) ${body}))
  (core instance $h (export "note" (func $note)) (export "new" (func $new)))
  (core instance $i (instantiate $m (with "h" (instance $h))))
  (func $go (result u32) (canon lift (core func $i "go")))
  (export "go" (func $go)))`;

interface Opened {
  readonly linked: LinkedComponent<null>;
  readonly make: () => ComponentInstance;
  readonly go: (instance: ComponentInstance) => Promise<unknown>;
}

async function link(wat: string, functions: Functions = {}, waiting: readonly string[] = []): Promise<Opened> {
  const whole = makePlan(await build(wat));
  const { plan, memories } = lendMemories({ ...whole, modules: whole.modules.map((bytes) => capMemory(bytes, 64)) });
  const host = hostOf({ 't:w/host#note': (n: number) => n, ...functions }, [], waiting);
  const linked = { ...(await linkComponent(plan, host)), memories };
  return {
    linked,
    make: () => instantiate(linked, null),
    go: (instance) => instance.call(exportOf(plan, 'go'), []),
  };
}

const memoryOf = (instance: ComponentInstance): WasmMemory | undefined =>
  instance.cores().find((core) => 'memory' in core)?.['memory'] as WasmMemory | undefined;

/** Calls two instances, one after the other. */
async function callTwice({ make, go }: Opened, sound: boolean): Promise<{ answers: unknown[]; isSameMemory: boolean }> {
  const first = make();
  const before = memoryOf(first);
  const answers = [await go(first)];
  first.close(sound);
  const second = make();
  answers.push(await go(second));
  const isSameMemory = memoryOf(second) === before;
  second.close(sound);
  return { answers, isSameMemory };
}

/** Gives what was at a place of memory, and leaves something there. */
const LEAVES_BEHIND = '(i32.load (i32.const 4096)) (i32.store (i32.const 4096) (i32.const 77))';

describe('an instance that is given the side of another', () => {
  it('finds its memory cleared', async () => {
    expect(await callTwice(await link(guest(LEAVES_BEHIND)), true)).toEqual({ answers: [0, 0], isSameMemory: true });
  });

  it('finds its data where its module puts it', async () => {
    const body = '(i32.load8_u (i32.const 9)) (i32.store8 (i32.const 9) (i32.const 1))';
    const opened = await link(guest(body, { start: '(data (i32.const 9) "A")' }));
    expect((await callTwice(opened, true)).answers).toEqual([65, 65]);
  });

  it('finds its globals as its module begins', async () => {
    const body = '(global.get $kept) (global.set $kept (i32.const 5))';
    expect((await callTwice(await link(guest(body)), true)).answers).toEqual([0, 0]);
  });

  it('is given the handles that a first instance is given', async () => {
    const body = '(drop (call $new (i32.const 5))) (call $new (i32.const 6))';
    expect((await callTwice(await link(guest(body)), true)).answers).toEqual([2, 2]);
  });

  it('calls the host for the call that it was made for', async () => {
    const opened = await link(guest('(call $note (i32.const 3))'));
    const seen: unknown[] = [];
    const linked = { ...opened.linked, idle: [] } as unknown as LinkedComponent<string>;
    // The host is told whose call it is.
    const { plan } = linked;
    const again = await linkComponent<string>(plan, {
      find: () => ({ waits: false, keeps: true, run: (call, [n]) => (seen.push(call), n) }),
      drop: () => undefined,
    });
    const shared = { ...again, memories: linked.memories };
    for (const call of ['one', 'two']) {
      const instance = instantiate(shared, call);
      await instance.call(exportOf(plan, 'go'), []);
      instance.close(true);
    }
    expect(seen).toEqual(['one', 'two']);
    expect(shared.idle).toHaveLength(1);
  });
});

describe('the side of an instance serves no other', () => {
  it('when it came to no sound end', async () => {
    expect(await callTwice(await link(guest(LEAVES_BEHIND)), false)).toEqual({ answers: [0, 0], isSameMemory: false });
  });

  it('while the host still owes its guest an answer', async () => {
    const owed = Promise.withResolvers<number>();
    let asked = 0;
    // A guest that begins cannot wait, but it can catch what it is told then, and go on.
    const start = `(func $begin (block $over (try_table (catch_all $over) (drop (call $note (i32.const 1))))))
      (start $begin)`;
    const functions = { 't:w/host#note': () => ((asked += 1), owed.promise) };
    const opened = await link(guest('(i32.const 1)', { start }), functions, ['t:w/host#note']);
    const first = opened.make();
    expect(asked).toBe(1);
    first.close(true);
    expect(opened.linked.idle).toHaveLength(0);
    owed.resolve(1);
  });

  it('twice at a time', async () => {
    const opened = await link(guest(LEAVES_BEHIND));
    const [one, two] = [opened.make(), opened.make()];
    expect(memoryOf(one)).not.toBe(memoryOf(two));
    one.close(true);
    one.close(true);
    two.close(true);
    expect(opened.linked.idle).toHaveLength(2);
  });

  it('when it can leave work behind', async () => {
    const wat = `(component
      (core module $m (func (export "go") (result i32) (i32.const 1)))
      (core instance $i (instantiate $m))
      (core func (canon waitable-set.new))
      (func $go (result u32) (canon lift (core func $i "go")))
      (export "go" (func $go)))`;
    const opened = await link(wat);
    const instance = opened.make();
    expect(await opened.go(instance)).toBe(1);
    instance.close(true);
    expect(opened.linked.idle).toHaveLength(0);
  });
});

describe('a memory', () => {
  it('that has grown is not used again', async () => {
    const opened = await link(guest('(memory.grow (i32.const 1))'));
    expect(await callTwice(opened, true)).toEqual({ answers: [1, 1], isSameMemory: false });
  });

  it.each([
    [32, true],
    [33, false],
  ])('of %i pages is used again: %s', async (pages, isSameMemory) => {
    expect((await callTwice(await link(guest(LEAVES_BEHIND, { pages })), true)).isSameMemory).toBe(isSameMemory);
  });

  it('stays the module’s own where its component gives it something by the name of the import', async () => {
    const wat = `(component
      (core module $g (func (export "f")))
      (core instance $g (instantiate $g))
      (core module $m (memory (export "memory") 1 1) (func (export "go") (result i32) (i32.const 1)))
      (core instance $i (instantiate $m (with "anchorhold:own-memory" (instance $g))))
      (func $go (result u32) (canon lift (core func $i "go")))
      (export "go" (func $go)))`;
    const { linked, make, go } = await link(wat);
    expect(linked.memories.every((limits) => limits === null)).toBe(true);
    expect(await go(make())).toBe(1);
  });
});

it('an instance that is closed answers nothing more', async () => {
  const { make, go } = await link(guest(LEAVES_BEHIND));
  const instance = make();
  instance.close(true);
  await expect(go(instance)).rejects.toThrow(GuestTrap);
});
