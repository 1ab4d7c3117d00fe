/** Guests that do what they must not: the call ends with a reason, the host's objects stay what they are, and nothing is touched outside. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { build, buildWorld, memoryOf, open, type Running, WASM } from './kit.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);

const WIT = `interface host {
  resource thing { touch: func() -> u32; merge: static func(a: thing, b: borrow<thing>) -> u32; }
  resource other;
  make: func() -> thing;
  make-other: func() -> other;
  take: func(t: thing);
  both: func(t: thing, o: other);
  text: func() -> string;
  read: func(s: string) -> u32;
  many: func(lists: list<list<u8>>) -> u32;
  numbers: func(n: list<u64>) -> u32;
  choose: func(c: option<result<u32, string>>) -> u32;
  stop: func();
}
world w { import host; export go: func() -> u32; export words: func() -> string; }`;

const IMPORTS = `
  (import "t:w/host" "[method]thing.touch" (func $touch (param i32) (result i32)))
  (import "t:w/host" "[static]thing.merge" (func $merge (param i32 i32) (result i32)))
  (import "t:w/host" "[resource-drop]thing" (func $drop (param i32)))
  (import "t:w/host" "[resource-drop]other" (func $drop_other (param i32)))
  (import "t:w/host" "make" (func $make (result i32)))
  (import "t:w/host" "make-other" (func $make_other (result i32)))
  (import "t:w/host" "take" (func $take (param i32)))
  (import "t:w/host" "both" (func $both (param i32 i32)))
  (import "t:w/host" "text" (func $text (param i32)))
  (import "t:w/host" "read" (func $read (param i32 i32) (result i32)))
  (import "t:w/host" "many" (func $many (param i32 i32) (result i32)))
  (import "t:w/host" "numbers" (func $numbers (param i32 i32) (result i32)))
  (import "t:w/host" "choose" (func $choose (param i32 i32 i32 i32) (result i32)))
  (import "t:w/host" "stop" (func $stop))`;

interface Body {
  readonly go?: string;
  readonly realloc?: string;
  readonly postReturn?: string;
  readonly more?: string;
  readonly words?: string;
}

/** A guest with these bodies; `go` gives a number, `words` a pointer to where a string is, and realloc takes four numbers. */
function guest({
  go = '(i32.const 0)',
  realloc = '(i32.const 1024)',
  postReturn = '',
  more = '',
  words = '(i32.const 64)',
}: Body): string {
  return `(module ${IMPORTS}
    (memory (export "memory") 1 4)
    ${more}
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) ${realloc})
    (func (export "go") (result i32) ${go})
    (func (export "words") (result i32) ${words})
    (func (export "cabi_post_words") (param i32) ${postReturn})
    (func (export "raw") (param i32 i32 i32 i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (call $read (local.get 1) (local.get 2)))))
      (if (i32.eq (local.get 0) (i32.const 1)) (then (return (call $many (local.get 1) (local.get 2)))))
      (if (i32.eq (local.get 0) (i32.const 2)) (then (return (call $numbers (local.get 1) (local.get 2)))))
      (if (i32.eq (local.get 0) (i32.const 3)) (then (call $text (local.get 1)) (return (i32.const 1))))
      (call $choose (local.get 1) (local.get 2) (local.get 3) (i32.const 0))))`;
}

class Thing {
  readonly #name = 'thing';
  touched = 0;
  touch(): number {
    this.touched += 1;
    return this.#name.length;
  }
}

interface Stage {
  readonly running: Running;
  readonly log: string[];
  readonly things: Thing[];
}

async function stage(wat: string): Promise<() => Stage> {
  let log: string[] = [];
  let things: Thing[] = [];
  const say = <T>(what: string, value: T): T => {
    log.push(what);
    return value;
  };
  const make = await open(await buildWorld(WIT, wat), {
    't:w/host#[method]thing.touch': (t: Thing) => say('touch', t.touch()),
    't:w/host#[static]thing.merge': (a: Thing, b: Thing) => say('merge', a.touch() + b.touch()),
    't:w/host#make': () => {
      const thing = new Thing();
      things.push(thing);
      return say('make', thing);
    },
    't:w/host#make-other': () => say('make-other', { other: true }),
    't:w/host#take': (t: Thing) => say('take', void t.touch()),
    't:w/host#both': () => say('both', undefined),
    't:w/host#text': () => say('text', 'some text'),
    't:w/host#read': (s: string) => say('read', s.length),
    't:w/host#many': (lists: readonly Uint8Array[]) => say('many', lists.length),
    't:w/host#numbers': (n: readonly bigint[]) => say('numbers', n.length),
    't:w/host#choose': () => say('choose', 1),
    't:w/host#stop': () => {
      throw new RangeError('stopped by the host');
    },
  });
  return () => {
    log = [];
    things = [];
    const running = make();
    return { running, log, things };
  };
}

/** Runs `go`; gives the reason that it ended with, and what the host saw. */
async function run(
  body: Body,
  name = 'go',
): Promise<{ reason: string; log: readonly string[]; things: Thing[]; dropped: unknown[] }> {
  const { running, log, things } = (await stage(guest(body)))();
  const reason = await running.call(name).then(
    (value) => `returned ${String(value)}`,
    (e: unknown) => (e instanceof Error ? e.message : 'no error'),
  );
  running.instance.close(false);
  return { reason, log, things, dropped: running.dropped };
}

const HANDLES: readonly (readonly [what: string, go: string, reason: string])[] = [
  ['no handle', '(call $touch (i32.const 0))', 'handle 0 is none of this resource'],
  ['a handle that never was', '(call $touch (i32.const 77))', 'handle 77 is none of this resource'],
  ['the largest number', '(call $touch (i32.const -1))', 'handle 4294967295 is none of this resource'],
  [
    'a dropped handle',
    '(local i32) (call $drop (local.tee 0 (call $make))) (call $touch (local.get 0))',
    'handle 1 is none of this resource',
  ],
  [
    'a handle that was given away',
    '(local i32) (call $take (local.tee 0 (call $make))) (call $touch (local.get 0))',
    'handle 1 is none of this resource',
  ],
  ['a handle of another resource', '(call $touch (call $make_other))', 'handle 1 is none of this resource'],
  ['a drop of another resource', '(call $drop (call $make_other)) (i32.const 0)', 'handle 1 is none of this resource'],
  [
    'a second drop',
    '(local i32) (call $drop (local.tee 0 (call $make))) (call $drop (local.get 0)) (i32.const 0)',
    'handle 1 is none of this resource',
  ],
  [
    'a handle that it gives and lends at once',
    '(local i32) (call $merge (local.tee 0 (call $make)) (local.get 0))',
    'handle 1 is none of this resource',
  ],
  ['handles without end', '(loop $more (drop (call $make)) (br $more)) (i32.const 0)', 'more than 65536 handles'],
];

describe('handles', () => {
  it.each(HANDLES)('%s is a trap', async (_, go, reason) => {
    const end = await run({ go });
    expect(end.reason).toBe(reason);
    // Whatever the host made and the guest did not give away is dropped, once.
    const given = end.log.filter((l) => l === 'take').length;
    const made = end.log.filter((l) => l.startsWith('make')).length;
    expect(end.dropped.length).toBe(made - given - (end.reason.startsWith('more than') ? 1 : 0));
    expect(new Set(end.dropped).size).toBe(end.dropped.length);
  });

  it('that are given and lent in the right order reach the host', async () => {
    const end = await run({ go: '(call $merge (call $make) (call $make))' });
    expect(end).toMatchObject({ reason: 'returned 10', log: ['make', 'make', 'merge'] });
    expect(end.dropped).toEqual([end.things[1]]);
  });

  it('that were taken by a call which then trapped are dropped with the rest', async () => {
    const end = await run({ go: '(call $both (call $make) (i32.const 99)) (i32.const 0)' });
    expect(end).toMatchObject({ reason: 'handle 99 is none of this resource', log: ['make'] });
    expect(end.dropped).toEqual(end.things);
  });

  it('that are left behind are dropped the youngest first', async () => {
    const end = await run({
      go: '(local i32) (local.set 0 (call $make)) (drop (call $make)) (call $drop (local.get 0)) (drop (call $make)) (i32.const 0)',
    });
    // The third took the first one's number.
    expect(end.dropped).toEqual([end.things[0], end.things[2], end.things[1]]);
  });
});

const EH = '(try_table (catch_all $over)';
const catching = (what: string) => `(block $over ${EH} ${what})) (call $touch (call $make))`;

describe('a guest that catches what ends it', () => {
  it.each([
    ['a trap of the host', '(drop (call $touch (i32.const 9)))', 'handle 9 is none of this resource'],
    ['an error of a host function', '(call $stop)', 'stopped by the host'],
    ['a trap of the engine', 'unreachable', 'unreachable'],
    [
      'a wrong pointer',
      '(drop (call $read (i32.const -1) (i32.const 5)))',
      '5 bytes at 4294967295 are outside of memory',
    ],
  ])('does not go on after %s', async (_, what, reason) => {
    const end = await run({ go: catching(what) });
    expect(end.reason).toBe(reason);
    expect(end.log).toEqual([]);
  });

  it('goes on after an exception of its own', async () => {
    const end = await run({ go: catching('(throw $mine)'), more: '(tag $mine)' });
    expect(end).toMatchObject({ reason: 'returned 5', log: ['make', 'touch'] });
  });

  it('cannot be called again once it has ended', async () => {
    const { running, log } = (await stage(guest({ go: '(call $touch (i32.const 9))' })))();
    await expect(running.call('go')).rejects.toThrow('handle 9');
    await expect(running.call('words')).rejects.toThrow('handle 9');
    expect(log).toEqual([]);
  });

  it('does not go on when its stack is full, whatever ran out of it', async () => {
    const deep =
      '(func $deep (result i32) (drop (call $read (i32.const 0) (i32.const 3))) (call $deep) (drop) (i32.const 1))';
    const end = await run({ go: `(block $over ${EH} (drop (call $deep)))) (call $touch (call $make))`, more: deep });
    // Where the stack ended is the engine's business: in the guest's own code it may go on, in the host's it may not.
    expect(end.log.filter((l) => l === 'touch').length).toBeLessThanOrEqual(1);
    expect(end.dropped).toEqual(end.things);
  });
});

describe('a guest whose allocator', () => {
  const text = '(call $text (i32.const 8)) (i32.load (i32.const 12))';
  it.each([
    ['gives a place outside of memory', '(i32.const 65530)', '9 bytes at 65530 are outside of memory'],
    ['gives the largest number', '(i32.const -1)', '9 bytes at 4294967295 are outside of memory'],
    ['calls the host', '(call $make)', 'a function was called where none may be'],
    ['drops a handle', '(call $drop (i32.const 1)) (i32.const 0)', 'a function was called where none may be'],
    [
      'calls the host and catches what comes',
      `(block $over ${EH} (drop (call $make)))) (i32.const 0)`,
      'a function was called where none may be',
    ],
    ['traps', 'unreachable', 'unreachable'],
  ])('%s ends', async (_, realloc, reason) => {
    const end = await run({ go: text, realloc });
    expect(end).toMatchObject({ reason, log: ['text'] });
  });

  it('grows the memory finds its text in the new one', async () => {
    const end = await run({
      go: `${text} (drop) (i32.load8_u (i32.load (i32.const 8)))`,
      realloc: '(memory.grow (i32.const 1)) (drop) (i32.const 65600)',
    });
    expect(end.reason).toBe(`returned ${'s'.charCodeAt(0)}`);
  });

  it('gives a place where the result itself goes gets what it asked for', async () => {
    expect((await run({ go: text, realloc: '(i32.const 8)' })).reason).toBe('returned 9');
  });
});

describe('a guest that cleans up', () => {
  const words =
    '(i32.store (i32.const 64) (i32.const 100)) (i32.store (i32.const 68) (i32.const 2)) (i32.store16 (i32.const 100) (i32.const 0x6968)) (i32.const 64)';
  it.each([
    ['does it after its result is taken', '(i32.store16 (i32.const 100) (i32.const 0))', 'returned hi'],
    ['must not call the host', '(drop (call $make))', 'a function was called where none may be'],
    [
      'must not call the host and catch it',
      `(block $over ${EH} (drop (call $make))))`,
      'a function was called where none may be',
    ],
    ['must not drop a handle', '(call $drop (i32.const 1))', 'a function was called where none may be'],
    ['may trap, and ends', 'unreachable', 'unreachable'],
  ])('%s', async (_, postReturn, reason) => {
    const end = await run({ words, postReturn }, 'words');
    expect(end).toMatchObject({ reason, log: [] });
  });
});

describe('what modules import', () => {
  // Names that every object inherits in the host's language.
  const NAMES = ['constructor', 'toString', 'valueOf', '__proto__', '__defineGetter__', 'hasOwnProperty'];
  it.each(NAMES)('is nothing of the host: %s', async (name) => {
    for (const [module, member] of [
      [name, 'call'],
      [name, 'keys'],
      ['env', name],
    ]) {
      const component = `(component
        (core module $m (import "${module}" "${member}" (func)))
        (core instance $e)
        (core instance $i (instantiate $m (with "env" (instance $e)))))`;
      const make = await open(await build(component), {});
      expect(make).toThrow(/Import #0/);
    }
  });

  it('may have such names among what they are given', async () => {
    const component = `(component
      (core module $a (func (export "__proto__") (result i32) (i32.const 7)))
      (core module $b (import "__proto__" "__proto__" (func $f (result i32))) (func (export "go") (result i32) (call $f)))
      (core instance $x (instantiate $a))
      (core instance $y (instantiate $b (with "__proto__" (instance $x))))
      (func $go (result u32) (canon lift (core func $y "go")))
      (export "go" (func $go)))`;
    const make = await open(await build(component), {});
    expect(await make().call('go')).toBe(7);
  });
});

describe('a start function', () => {
  it('that calls the host before there is a memory ends the instance, and leaves nothing behind', async () => {
    const component = guest({ more: '(func $start (drop (call $read (i32.const 0) (i32.const 1)))) (start $start)' });
    const make = await stage(component);
    expect(make).toThrow('before its memory was there');
  });
});

describe('lists and strings', () => {
  const pages = 65_536;
  const near = fc.oneof(
    fc.nat(pages + 16),
    fc.integer({ min: pages - 64, max: pages + 64 }),
    fc.integer({ min: 2 ** 32 - 64, max: 2 ** 32 - 1 }),
    fc.integer({ min: 2 ** 31 - 64, max: 2 ** 31 + 64 }),
    fc.constantFrom(0, 1, 3, 7, 2 ** 16, 2 ** 29, 2 ** 30),
  );

  it('at any place and of any length are inside of memory, or the call ends', async () => {
    const make = await stage(guest({ realloc: '(i32.const 2048)' }));
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(4), near, near, near, async (which, a, b, c) => {
        const { running, log } = make();
        const memory = memoryOf(running.cores);
        const before = memory.slice();
        const raw = running.cores.find((e) => 'raw' in e)?.['raw'] as (...flat: number[]) => number;
        let reached = true;
        try {
          raw(which, a, b, c);
        } catch (e) {
          reached = false;
          expect(e).toBeInstanceOf(WASM.RuntimeError);
          await expect(running.call('go')).rejects.toThrow(
            /outside of memory|not a multiple|too large|^case|no character|not UTF-8/,
          );
        }
        const [size = 1, align = 1] =
          [
            [1, 1],
            [8, 4],
            [8, 8],
          ][which] ?? [];
        if (which < 3) expect(reached).toBe(b * size + a <= pages && a % align === 0);
        if (which === 3) expect(reached).toBe(a % 4 === 0 && a + 8 <= pages);
        if (reached) passed += 1;
        expect(log.length).toBe(reached || which === 3 ? 1 : 0);
        // Only a text, and where it is, are ever written.
        const changed = memory.findIndex(
          (byte, i) => byte !== before[i] && !(i >= 2048 && i < 2057) && !(i >= a && i < a + 8),
        );
        expect(changed).toBe(-1);
      }),
      { numRuns: 400 * RUNS, seed: 11 },
    );
    expect(passed).toBeGreaterThan(20);
  });

  it('that name the same bytes very often end the call before they fill the host', async () => {
    // 8,000 lists of all the memory: half a gigabyte.
    const fill =
      '(local i32) (loop $l (i32.store (local.get 0) (i32.const 0)) (i32.store offset=4 (local.get 0) (i32.const 65536)) (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.const 64000))))';
    const end = await run({ go: `${fill} (call $many (i32.const 0) (i32.const 8000))` });
    expect(end).toMatchObject({ reason: 'lists and strings are too large together', log: [] });
    const often = await run({
      go: `${fill} (local.set 0 (i32.const 0)) (loop $l (drop (call $many (i32.const 0) (i32.const 100))) (br $l)) unreachable`,
    });
    expect(often.reason).toBe('lists and strings are too large together');
    expect(often.log.length).toBeLessThan(20);
  });
});

describe('flat values', () => {
  it.each([
    ['an option', '(call $choose (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))', 'case 2 of 2'],
    ['a result in an option', '(call $choose (i32.const 1) (i32.const 5) (i32.const 0) (i32.const 0))', 'case 5 of 2'],
    ['the largest', '(call $choose (i32.const -1) (i32.const 5) (i32.const 0) (i32.const 0))', 'case 4294967295 of 2'],
    [
      'a text in a case',
      '(call $choose (i32.const 1) (i32.const 1) (i32.const 65536) (i32.const 1))',
      '1 bytes at 65536 are outside of memory',
    ],
  ])('name no case that is not there: %s', async (_, go, reason) => {
    expect(await run({ go })).toMatchObject({ reason, log: [] });
  });
});
