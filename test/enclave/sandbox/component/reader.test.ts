/** Any bytes give a plan or a reason, soon and in little memory: the gate itself reads components before it starts a process for them. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { linkComponent } from '../../../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { readComponent } from '../../../../src/enclave/sandbox/component/read-component.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';
import { WASI_HOST } from '../../../../src/enclave/sandbox/wasi/host.ts';
import { buildFunctions } from '../../../../tools/build-functions.ts';
import { buildRogue } from '../guests.ts';
import { build, WASM } from './kit.ts';

const RUNS = Number(process.env['ANCHORHOLD_FUZZ'] ?? 1);
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

function leb(n: number): readonly number[] {
  return n < 0x80 ? [n] : [(n % 0x80) + 0x80, ...leb(Math.floor(n / 0x80))];
}
const text = (s: string): readonly number[] => [...leb(s.length), ...Buffer.from(s)];
const join = (parts: readonly (readonly number[] | Uint8Array)[]): Uint8Array =>
  Buffer.concat(parts.map((p) => Uint8Array.from(p)));
const section = (id: number, content: readonly number[] | Uint8Array): Uint8Array =>
  join([[id], leb(content.length), content]);
const vector = (items: readonly (readonly number[])[]): Uint8Array => join([leb(items.length), ...items]);
const component = (...sections: readonly Uint8Array[]): Uint8Array => join([HEADER, ...sections]);
const repeat = <T>(count: number, item: T): readonly T[] => Array.from({ length: count }, () => item);

/** Gives why a component is refused, or null when it has a plan; anything but those two is thrown. */
function reasonOf(bytes: Uint8Array): string | null {
  try {
    shortenPlan(makePlan(bytes));
    return null;
  } catch (e) {
    if (e instanceof Malformed) return e.message;
    throw e;
  }
}

const IMPORT = '(import "t:w/host" (instance $h (export "f" (func (param "s" string)))))';
const LOWER = (options: string) =>
  `(component ${IMPORT} (core module $m (memory (export "m") 1)) (core instance $i (instantiate $m)) (core func (canon lower (func $h "f") (memory (core memory $i "m")) ${options})))`;

describe('a form that is not supported is refused by name', () => {
  it.each<[what: string, wat: string, reason: string]>([
    ['strings in UTF-16', LOWER('string-encoding=utf16'), 'only strings in UTF-8 are supported'],
    ['strings in Latin-1 or UTF-16', LOWER('string-encoding=latin1+utf16'), 'only strings in UTF-8 are supported'],
    ['an asynchronous lowering of what is not', LOWER('async'), 'the option `async` for a function that is not'],
    ['an imported core module', '(component (import "m" (core module)))', 'description 0 is not supported'],
    ['an imported component', '(component (import "c" (component)))', 'the import "c" is a component'],
    [
      'an imported function of a type that is none',
      '(component (type u32) (import "f" (func (type 0))))',
      'type 0 is not a function type',
    ],
    ['a stream of characters', '(component (type (stream char)))', 'a stream of characters'],
    [
      'a future of something borrowed',
      '(component (import "r" (type $r (sub resource))) (type $b (borrow $r)) (type (future $b)))',
      'a future of something borrowed',
    ],
    [
      'a callback of what never waits',
      '(component (core module $m (func (export "f")) (func (export "c") (param i32 i32 i32) (result i32) i32.const 0)) (core instance $i (instantiate $m)) (func (canon lift (core func $i "f") (callback (core func $i "c")))))',
      'an option that its function has no use for',
    ],
    [
      'an error context',
      '(component (import "f" (func (param "e" error-context))))',
      'value type 100 is not supported',
    ],
    [
      'a thread’s builtin',
      '(component (core func (canon thread.index)))',
      'threads of the Component Model are not supported',
    ],
    [
      'an error context’s builtin',
      '(component (core func (canon error-context.drop)))',
      'error contexts are not supported',
    ],
    [
      'a stream that is a future',
      '(component (type $f (future u8)) (core func (canon stream.new $f)))',
      'type 0 is no stream',
    ],
    ['a list of fixed length', '(component (type (list u8 4)))', 'type 103 is not supported'],
    ['flags without labels', '(component (type (flags)))', 'flags with 0 labels'],
    [
      'flags with 33 labels',
      `(component (type (flags ${Array.from({ length: 33 }, (_, i) => `"a${i}"`).join(' ')})))`,
      'flags with 33 labels',
    ],
    ['a record without fields', '(component (type (record)))', 'a record without parts'],
    ['a tuple without parts', '(component (type (tuple)))', 'a tuple without parts'],
    ['a variant without cases', '(component (type (variant)))', 'a variant without cases'],
    [
      'labels that are alike',
      '(component (type (record (field "a-b" u8) (field "a-B" u8))))',
      'a type has two labels that are alike',
    ],
    ['a label that every object has', '(component (type (record (field "__proto__" u8))))', '"__proto__" is no label'],
    [
      'an instance in an imported instance',
      '(component (import "a" (instance (export "wasi:io/poll@0.2.0" (instance)))))',
      '"a" holds another instance',
    ],
    ['an import twice', '(component (import "a" (func)) (import "a" (func)))', '"a" is imported twice'],
    [
      'an export twice',
      '(component (import "a" (func $f)) (export "b" (func $f)) (export "b" (func $f)))',
      '"b" is exported twice',
    ],
  ])('%s', async (_, wat, reason) => {
    expect(reasonOf(await build(wat))).toBe(reason);
  });

  it.each<[what: string, bytes: Uint8Array, reason: string]>([
    ['a start section', component(section(9, [0, 0, 0])), 'section 9 is not supported'],
    ['a section of values', component(section(12, [0])), 'section 12 is not supported'],
    [
      'a description by value',
      component(section(10, vector([[0, ...text('v'), 2, 1, 0x7f]]))),
      'description 2 is not supported',
    ],
    ['a task’s storage that there is not', component(section(8, vector([[0x0a, 0x7f, 2]]))), 'a task has no storage 2'],
    [
      'a canonical option to come',
      component(section(8, vector([[0, 0, 0, 1, 8, 0]]))),
      'canonical option 8 is not supported',
    ],
    ['a canonical function to come', component(section(8, vector([[0x50]]))), 'canonical function 80 is not supported'],
    [
      'a core type in a type',
      component(section(7, vector([[0x42, 1, 0, 0x60, 0, 0]]))),
      'declaration 0 is not supported',
    ],
    ['an export of a value', component(section(11, vector([[0, ...text('v'), 2, 0, 0]]))), 'values are not supported'],
    ['a name of a form to come', component(section(10, vector([[3, ...text('v'), 1, 0]]))), 'a name of form 3'],
    [
      'a resource that is no number',
      component(section(7, vector([[0x3f, 0x7e, 0]]))),
      'byte 126 stands where 127 must',
    ],
    ['a lift of a form to come', component(section(8, vector([[0, 1, 0, 0, 0]]))), 'byte 1 stands where 0 must'],
    ['a refined case', component(section(7, vector([[0x71, 1, ...text('a'), 0, 1, 0]]))), 'byte 1 stands where 0 must'],
    ['a header of a core module', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), 'not a component'],
    ['nothing', new Uint8Array(0), 'a part is longer than what holds it'],
  ])('%s', (_, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(reason);
  });

  it('but types of the core language, on which nothing depends, are passed over', async () => {
    expect(reasonOf(await build('(component (core type (func)) (core type (module)))'))).toBeNull();
  });
});

describe('a component that would cost far more than its bytes', () => {
  const type = (opcode: number, items: Uint8Array) => section(7, join([[1, opcode], items]));
  /** A number as a type is named by: signed, so that one of 64 takes a second byte. */
  const ref = (n: number): readonly number[] => {
    const bytes = leb(n);
    const last = bytes.at(-1) ?? 0;
    return (last & 0x40) === 0 ? bytes : [...bytes.slice(0, -1), last + 0x80, 0];
  };
  const labels = (count: number) => Array.from({ length: count }, (_, i) => [...text(`a${i}`), 0x7d]);
  const chain = (count: number, next: (i: number) => readonly number[]) =>
    component(section(7, vector([[0x7d], ...Array.from({ length: count }, (_, i) => next(i))])));
  const nested = (depth: number): Uint8Array => (depth === 0 ? component() : component(section(4, nested(depth - 1))));
  /** A component whose n-th part makes the part before it ten times. */
  const instances = (): Uint8Array => {
    const parts = Array.from({ length: 6 }, (_, i) => {
      const inner =
        i === 0
          ? component()
          : component(
              section(6, vector([[4, 2, ...leb(1), ...leb(i - 1)]])),
              section(5, vector(repeat(10, [0, 0, 0]))),
            );
      return section(4, inner);
    });
    return component(...parts, section(5, vector([[0, 5, 0]])));
  };

  it.each<[what: string, bytes: () => Uint8Array, reason: RegExp]>([
    ['a count of 2^32', () => component(section(7, [0xff, 0xff, 0xff, 0xff, 0x0f])), /count is larger/],
    ['a name of 2^32 bytes', () => component(section(10, [1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f])), /count is larger/],
    ['a number of more than 32 bits', () => component(section(7, [0xff, 0xff, 0xff, 0xff, 0x7f])), /more than 32 bits/],
    [
      'types that hold each other ten times',
      () => chain(20, (i) => [0x6f, 10, ...repeat(10, ref(i)).flat()]),
      /more than 10000 parts/,
    ],
    ['types in types without end', () => chain(3000, (i) => [0x6b, ...ref(i)]), /more than 64 types deep/],
    ['lists in lists without end', () => chain(3000, (i) => [0x70, ...ref(i)]), /more than 64 types deep/],
    ['a record with 150,000 fields', () => component(type(0x72, vector(labels(150_000)))), /more than/],
    [
      'an enum with 150,000 labels',
      () => component(type(0x6d, vector(Array.from({ length: 150_000 }, (_, i) => text(`a${i}`))))),
      /more than/,
    ],
    [
      '4 million types of a byte each',
      () => component(section(7, join([leb(4_000_000), new Uint8Array(4_000_000).fill(0x7d)]))),
      /more than 200000 items/,
    ],
    ['a million empty modules', () => component(join(repeat(300_000, [1, 0]))), /more than 200000 items/],
    [
      'wide types, many times',
      () => component(type(0x6f, vector(repeat(9000, [0x7d]))), section(7, vector(repeat(41_000, [0x6b, 0])))),
      /more than 50000 definitions/,
    ],
    ['components in components', () => nested(9), /nested too deeply/],
    ['instances of instances', instances, /more than 1000 component instances/],
    [
      'a component that makes itself',
      () =>
        component(
          section(4, component(section(6, vector([[4, 2, 1, 0]])), section(5, vector([[0, 0, 0]])))),
          section(5, vector([[0, 0, 0]])),
        ),
      /instantiated too deeply/,
    ],
    [
      'core instances without end',
      () => component(section(1, [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), section(2, vector(repeat(2000, [0, 0, 0])))),
      /more than 1000 core instances/,
    ],
    [
      'a core instance given much, many times',
      () =>
        component(
          section(2, vector([[1, ...vector([])]])),
          section(1, [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
          section(
            2,
            vector(repeat(900, [0, 0, ...vector(Array.from({ length: 100 }, (_, i) => [...text(`a${i}`), 0x12, 0]))])),
          ),
        ),
      /more than 50000 definitions/,
    ],
    ['50,001 definitions', () => component(section(7, vector(repeat(50_001, [0x7d])))), /more than 50000 definitions/],
    [
      'an interface described once and imported often',
      () =>
        component(
          type(0x42, vector(repeat(900, [1, 0x7d]))),
          section(10, vector(Array.from({ length: 900 }, (_, i) => [0, ...text(`a${i}`), 5, 0]))),
        ),
      /more than 50000 definitions/,
    ],
    [
      'an interface of one wide type, imported often',
      () =>
        component(
          type(0x42, vector([[1, 0x6f, ...vector(repeat(900, [0x7d]))]])),
          section(10, vector(Array.from({ length: 900 }, (_, i) => [0, ...text(`a${i}`), 5, 0]))),
        ),
      /more than 50000 definitions/,
    ],
    [
      'type declarations in type declarations',
      () => component(section(7, [1, ...repeat(40, [0x42, 1, 1]).flat(), 0x7d])),
      /types are nested too deeply/,
    ],
  ])('%s', (_, make, reason) => {
    const bytes = make();
    const start = performance.now();
    expect(reasonOf(bytes)).toMatch(reason);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('is planned when it stays inside', () => {
    expect(reasonOf(component(section(7, vector(repeat(49_999, [0x7d])))))).toBeNull();
    expect(reasonOf(nested(8))).toBeNull();
    expect(reasonOf(chain(60, (i) => [0x6b, ...ref(i)]))).toBeNull();
  });
});

describe('what stands in no scope', () => {
  it.each<[what: string, wat: Uint8Array, reason: RegExp]>([
    ['an alias out of the component', component(section(6, vector([[3, 2, 1, 0]]))), /leads out of the component/],
    [
      'an alias 2^32 levels up',
      component(section(6, vector([[3, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]]))),
      /leads out of the component/,
    ],
    ['an alias of a type that is not there', component(section(6, vector([[3, 2, 0, 7]]))), /no type 7/],
    [
      'an alias of an instance that is not there',
      component(section(6, vector([[1, 0, 3, ...text('x')]]))),
      /no instance 3/,
    ],
    ['an outer alias of a function', component(section(6, vector([[1, 2, 0, 0]]))), /outer alias of a func/],
    ['a module that is not there', component(section(2, vector([[0, 5, 0]]))), /no core-module 5/],
    ['a lift of a function that is not there', component(section(8, vector([[0, 0, 9, 0, 0]]))), /no core func 9/],
    [
      'a drop of a type that is no resource',
      component(section(7, vector([[0x7d]])), section(8, vector([[3, 0]]))),
      /not a resource/,
    ],
    ['a type that is named before it is made', component(section(7, vector([[0x6b, 1], [0x7d]]))), /no type 1/],
    ['a negative type', component(section(7, vector([[0x70, 0xff, 0x7f]]))), /negative/],
    [
      'a section that is longer than what it holds',
      component(section(7, [1, 0x7d, 0x7d])),
      /longer than what it holds/,
    ],
  ])('%s', (_, bytes, reason) => {
    expect(reasonOf(bytes)).toMatch(reason);
  });
});

describe('any bytes', () => {
  let real: readonly Uint8Array[] = [];
  beforeAll(async () => {
    real = [...(await buildFunctions()).map(({ bytes }) => bytes), await buildRogue()];
  });

  it('after a header give a plan or a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void reasonOf(component(bytes))),
      { numRuns: 2000 * RUNS, seed: 3 },
    );
  });

  it('in sections give a plan or a reason', () => {
    const sections = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 12 }),
        fc.array(fc.oneof(fc.nat(8), fc.constantFrom(0x40, 0x42, 0x6f, 0x72, 0x7d, 0x73), fc.nat(255)), {
          maxLength: 24,
        }),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(sections, (all) => void reasonOf(component(...all.map(([id, content]) => section(id, content))))),
      { numRuns: 4000 * RUNS, seed: 4 },
    );
  });

  it('of a real component, changed, give a plan, a reason, or what the engine says', async () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const counts = { linked: 0, refused: 0, engine: 0 };
    await fc.assert(
      fc.asyncProperty(fc.nat(), change, fc.option(fc.nat(), { freq: 8 }), async (which, changes, cut) => {
        const source = real[which % real.length] ?? new Uint8Array(0);
        const bytes = cut === null ? Uint8Array.from(source) : source.slice(0, cut % source.length);
        for (const [place, byte] of changes) bytes[place % Math.max(bytes.length, 1)] = byte;
        try {
          readComponent(bytes);
          await linkComponent(shortenPlan(makePlan(bytes)), WASI_HOST);
          counts.linked += 1;
        } catch (e) {
          if (e instanceof Malformed) counts.refused += 1;
          else {
            expect(e).toBeInstanceOf(WASM.CompileError);
            counts.engine += 1;
          }
        }
      }),
      { numRuns: 2000 * RUNS, seed: 5 },
    );
    expect(Math.min(counts.linked, counts.refused, counts.engine)).toBeGreaterThan(20);
  });
});
