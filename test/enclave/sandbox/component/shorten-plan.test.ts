/** A plan without its forwarding pair does what the whole plan does; what only looks like such a pair is left alone. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readFiller, readForwarder } from '../../../../src/enclave/sandbox/component/core-module.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';
import { checkFunctionForm } from '../../../../src/enclave/sandbox/grants.ts';
import { openGuest } from '../../../../src/enclave/sandbox/guest.ts';
import { buildFunctions } from '../../../../tools/build-functions.ts';
import { buildRogue, bundleOf } from '../guests.ts';
import { build, buildWorld, open } from './kit.ts';

const FORWARDER = (
  more = '',
  body = '(call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))',
  table = '(table (export "$imports") 1 1 funcref)',
) => `(module
  (type $t (func (param i32 i32) (result i32)))
  ${table}
  (func (export "0") (type $t) ${body}) ${more})`;
const FILLER = (more = '', elements = '(elem (i32.const 0) func $f)', table = '1 1 funcref') => `(module
  (import "" "0" (func $f (param i32 i32) (result i32)))
  (import "" "$imports" (table ${table}))
  ${elements} ${more})`;
const USER =
  '(module (import "h" "add" (func $f (param i32 i32) (result i32))) (func (export "go") (result i32) (call $f (i32.const 2) (i32.const 3))))';

interface Parts {
  readonly forwarder?: string;
  readonly filler?: string;
  readonly user?: string;
  /** What the user's module is given under `h`. */
  readonly given?: string;
  readonly more?: string;
  readonly slot?: string;
}

function component({
  forwarder = FORWARDER(),
  filler = FILLER(),
  user = USER,
  given = '(export "add" (func $shim "0"))',
  more = '',
  slot = '$low',
}: Parts): string {
  const inline = (wat: string, name: string) => wat.replace('(module', `(core module ${name}`);
  return `(component
    (import "t:w/host" (instance $host (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
    ${inline(forwarder, '$forwarder')} ${inline(filler, '$filler')} ${inline(user, '$user')}
    (core instance $shim (instantiate $forwarder))
    (core instance $h ${given})
    (core instance $main (instantiate $user (with "h" (instance $h))))
    (core func $low (canon lower (func $host "add")))
    (alias core export $shim "$imports" (core table $table))
    (core instance $slots (export "$imports" (table $table)) (export "0" (func ${slot})))
    (core instance $fixup (instantiate $filler (with "" (instance $slots))))
    ${more}
    (func $go (result u32) (canon lift (core func $main "go")))
    (export "go" (func $go)))`;
}

const add = { 't:w/host#add': (a: number, b: number) => a + b };

async function lengths(bytes: Uint8Array): Promise<readonly [whole: number, short: number]> {
  const plan = makePlan(bytes);
  return [plan.steps.length, shortenPlan(plan).steps.length];
}

describe('a forwarding pair', () => {
  it('is left out, and its users call the host at once', async () => {
    const bytes = await build(component({}));
    expect(await lengths(bytes)).toEqual([3, 1]);
    for (const whole of [true, false]) expect(await (await open(bytes, add, { whole }))().call('go')).toBe(5);
  });

  it.each<[what: string, parts: Parts]>([
    [
      'whose forwarder adds one',
      {
        forwarder: FORWARDER(
          '',
          '(i32.add (i32.const 1) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0)))',
        ),
      },
    ],
    [
      'whose forwarder turns the parameters round',
      { forwarder: FORWARDER('', '(call_indirect (type $t) (local.get 1) (local.get 0) (i32.const 0))') },
    ],
    [
      'whose forwarder has a local',
      { forwarder: FORWARDER('', '(local i32) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))') },
    ],
    [
      'whose forwarder calls the 128th place from the end',
      { forwarder: FORWARDER('', '(call_indirect (type $t) (local.get 0) (local.get 1) (i32.const -128))') },
    ],
    ['whose forwarder has a memory', { forwarder: FORWARDER('(memory 1)') }],
    ['whose forwarder has a global', { forwarder: FORWARDER('(global i32 (i32.const 0))') }],
    ['whose forwarder starts something', { forwarder: FORWARDER('(func $s) (start $s)') }],
    ['whose forwarder fills its table itself', { forwarder: FORWARDER('(elem (i32.const 0) func 0)') }],
    ['whose forwarder has a second table', { forwarder: FORWARDER('(table 1 1 funcref)') }],
    [
      'whose forwarder has a function that does something else',
      { forwarder: FORWARDER('(func (export "1") (type $t) (i32.const 9))') },
    ],
    [
      'whose table is too small to be filled',
      {
        filler: FILLER('(import "" "1" (func $g))').replace('func $f)', 'func $f)'),
        forwarder: FORWARDER('', undefined, '(table (export "$imports") 0 1 funcref)'),
      },
    ],
    [
      'whose filler fills from another place',
      {
        filler: FILLER('', '(elem (i32.const 1) func $f)', '1 funcref'),
        forwarder: FORWARDER('', undefined, '(table (export "$imports") 2 funcref)'),
      },
    ],
    ['whose filler fills twice', { filler: FILLER('(elem (i32.const 0) func $f)') }],
    ['whose filler has a function', { filler: FILLER('(func)') }],
    ['whose filler starts what it was given', { filler: FILLER('(func $s) (start $s)') }],
    ['whose filler has a memory', { filler: FILLER('(memory 1)') }],
    ['whose filler fills with null', { filler: FILLER('', '(elem (i32.const 0) funcref (ref.null func))') }],
    [
      'whose table goes to the user too',
      { given: '(export "add" (func $shim "0")) (export "table" (table $early))', more: '' },
    ],
    [
      'whose forwarder goes to another module whole',
      {
        more: '(core module $x (import "s" "0" (func (param i32 i32) (result i32)))) (core instance (instantiate $x (with "s" (instance $shim))))',
      },
    ],
    ['that fills with a function of another module', { slot: '$other', more: '' }],
  ])('%s is left alone', async (what, parts) => {
    let text = component(parts);
    if (what.includes('goes to the user too')) {
      text = text.replace(
        '(core instance $h',
        '(alias core export $shim "$imports" (core table $early)) (core instance $h',
      );
    }
    if (parts.slot === '$other') {
      const other =
        '(core module $om (func (export "add") (param i32 i32) (result i32) (i32.const 0))) (core instance $oi (instantiate $om)) (alias core export $oi "add" (core func $other))';
      text = text.replace('(core instance $slots', `${other} (core instance $slots`);
    }
    const bytes = await build(text.replaceAll('(import "" "1" (func $g))', ''));
    const [whole, short] = await lengths(bytes);
    expect(short).toBe(whole);
  });

  it('is read from modules of its form only', async () => {
    expect(readForwarder(await build(FORWARDER()))).toMatchObject({ table: '$imports', places: 1 });
    expect(readFiller(await build(FILLER()))).toMatchObject({ places: 1, functions: [['', '0']] });
    expect(readForwarder(await build(FILLER()))).toBeNull();
    expect(readFiller(await build(FORWARDER()))).toBeNull();
    for (const bytes of [new Uint8Array(0), new Uint8Array(8), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1)]) {
      expect(readForwarder(bytes)).toBeNull();
      expect(readFiller(bytes)).toBeNull();
    }
  });

  it('is known with more than 64 places, whose numbers take two bytes', async () => {
    const names = Array.from({ length: 130 }, (_, i) => i);
    const wit = `interface host { ${names.map((i) => `fn${i}: func(s: string) -> u32;`).join(' ')} }\nworld w { import host; export go: func() -> u32; }`;
    const guest = `(module
      ${names.map((i) => `(import "t:w/host" "fn${i}" (func $f${i} (param i32 i32) (result i32)))`).join('\n')}
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
      (func (export "go") (result i32) ${names.map((i) => `(i32.const ${i}) (i32.mul (call $f${i} (i32.const 0) (i32.const 1)))`).join('\n')}
        ${'(i32.add)'.repeat(129)}))`;
    const bytes = await buildWorld(wit, guest);
    expect(await lengths(bytes)).toEqual([3, 1]);
    const functions = Object.fromEntries(names.map((i) => [`t:w/host#fn${i}`, () => i + 1]));
    const expected = names.reduce((sum, i) => sum + i * (i + 1), 0);
    for (const whole of [true, false])
      expect(await (await open(bytes, functions, { whole }))().call('go')).toBe(expected);
  });
});

describe('the components of the tools', () => {
  let all: readonly (readonly [name: string, bytes: Uint8Array])[] = [];
  beforeAll(async () => {
    const importing = (await buildFunctions()).filter(({ name }) => ['fetcher', 'risk-score', 'upper'].includes(name));
    all = [...importing.map(({ name, bytes }) => [name, bytes] as const), ['rogue', await buildRogue()]];
  });

  it('have one such pair each, and work without it', async () => {
    for (const [name, bytes] of all) {
      const [whole, short] = await lengths(bytes);
      expect([name, whole - short]).toEqual([name, 2]);
      await expect(openGuest(bundleOf(checkFunctionForm(bytes, name, ['0.2']), bytes), 1024)).resolves.toBeDefined();
    }
  });
});
