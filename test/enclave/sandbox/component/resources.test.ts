/** Resources that a guest makes itself, components inside components, and what is told to whoever composed too much. */
import { describe, expect, it } from 'vitest';
import { Malformed } from '../../../../src/enclave/sandbox/component/cursor.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import { build, open } from './kit.ts';

/** A component with a resource of its own, whose destructor counts and then does `also`. */
function owning(body: string, also = ''): string {
  return `(component
    (import "t:w/host" (instance $host (export "note" (func (param "n" u32)))))
    (core module $d
      (import "h" "note" (func $note (param i32)))
      (func (export "dtor") (param i32) (call $note (local.get 0)) ${also}))
    (core func $note (canon lower (func $host "note")))
    (core instance $h (export "note" (func $note)))
    (core instance $di (instantiate $d (with "h" (instance $h))))
    (type $r (resource (rep i32) (dtor (core func $di "dtor"))))
    (type $plain (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core func $rep (canon resource.rep $r))
    (core func $drop (canon resource.drop $r))
    (core func $new-plain (canon resource.new $plain))
    (core func $drop-plain (canon resource.drop $plain))
    (core module $m
      (import "r" "new" (func $new (param i32) (result i32)))
      (import "r" "rep" (func $rep (param i32) (result i32)))
      (import "r" "drop" (func $drop (param i32)))
      (import "r" "new-plain" (func $new_plain (param i32) (result i32)))
      (import "r" "drop-plain" (func $drop_plain (param i32)))
      (func (export "go") (result i32) ${body}))
    (core instance $rs
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))
      (export "new-plain" (func $new-plain)) (export "drop-plain" (func $drop-plain)))
    (core instance $i (instantiate $m (with "r" (instance $rs))))
    (func $go (result u32) (canon lift (core func $i "go")))
    (export "go" (func $go)))`;
}

async function run(wat: string): Promise<{ reason: unknown; noted: readonly number[]; dropped: readonly unknown[] }> {
  const noted: number[] = [];
  const make = await open(await build(wat), { 't:w/host#note': (n: number) => void noted.push(n) });
  const running = make();
  const reason = await running.call('go').catch((e: unknown) => (e instanceof Error ? e.message : 'no error'));
  running.instance.close(false);
  return { reason, noted, dropped: running.dropped };
}

describe('a resource of the guest', () => {
  it.each([
    ['gives back what it was made of', '(call $rep (call $new (i32.const -5)))', 4_294_967_291, []],
    ['has its destructor called when it is dropped', '(call $drop (call $new (i32.const 41))) (i32.const 1)', 1, [41]],
    [
      'has it called for each',
      '(local i32) (local.set 0 (call $new (i32.const 1))) (call $drop (call $new (i32.const 2))) (call $drop (local.get 0)) (i32.const 0)',
      0,
      [2, 1],
    ],
    ['needs no destructor', '(call $drop_plain (call $new_plain (i32.const 3))) (i32.const 0)', 0, []],
    [
      'is no other resource of the same guest',
      '(call $drop_plain (call $new (i32.const 3))) (i32.const 0)',
      'handle 1 is none of this resource',
      [],
    ],
    [
      'is dropped once',
      '(local i32) (call $drop (local.tee 0 (call $new (i32.const 3)))) (call $drop (local.get 0)) (i32.const 0)',
      'handle 1 is none of this resource',
      [3],
    ],
    ['is nothing before it is made', '(call $rep (i32.const 1))', 'handle 1 is none of this resource', []],
    ['is the guest’s own business when it is left behind', '(call $new (i32.const 3))', 1, []],
  ])('%s', async (_, body, reason, noted) => {
    expect(await run(owning(body))).toEqual({ reason, noted, dropped: [] });
  });

  it('ends the instance when its destructor traps, whatever the guest catches', async () => {
    const body =
      '(block $over (try_table (catch_all $over) (call $drop (call $new (i32.const 7))))) (call $new (i32.const 8))';
    const end = await run(owning(body, 'unreachable'));
    expect(end).toMatchObject({ reason: 'unreachable', noted: [7] });
  });
});

describe('a resource of the host', () => {
  const forged = (canon: string) => `(component
    (import "t:w/host" (instance $host (export "thing" (type (sub resource)))))
    (alias export $host "thing" (type $thing))
    (core func (canon ${canon} $thing)))`;
  it.each(['resource.new', 'resource.rep'])('is not opened to the guest by %s', async (canon) => {
    const bytes = await build(forged(canon));
    expect(() => makePlan(bytes)).toThrow(`${canon} of a resource that another component defines`);
  });

  it('may be dropped', async () => {
    expect(makePlan(await build(forged('resource.drop'))).canonicals).toHaveLength(1);
  });
});

describe('components inside components', () => {
  const inner = `(component $inner
    (import "note" (func $note (param "n" u32)))
    (core func $n (canon lower (func $note)))
    (core instance $h (export "note" (func $n)))
    (core module $m (import "h" "note" (func $note (param i32)))
      (func (export "go") (result i32) (call $note (i32.const 5)) (i32.const 6)))
    (core instance $i (instantiate $m (with "h" (instance $h))))
    (func $go (result u32) (canon lift (core func $i "go")))
    (export "go" (func $go)))`;
  const host = '(import "t:w/host" (instance $host (export "note" (func (param "n" u32)))))';

  it('are given the functions of the host, and their own are exported', async () => {
    const wat = `(component ${host} ${inner}
      (instance $a (instantiate $inner (with "note" (func $host "note"))))
      (instance $b (instantiate $inner (with "note" (func $host "note"))))
      (export "go" (func $b "go")) (export "whole" (instance $a)))`;
    expect(await run(wat)).toEqual({ reason: 6, noted: [5], dropped: [] });
    // Two instances of one component share the module that is compiled.
    const plan = makePlan(await build(wat));
    expect(plan).toMatchObject({ owners: 3, steps: [{}, {}] });
    expect(plan.modules).toHaveLength(1);
  });

  it('do not call each other', async () => {
    const wat = `(component ${host} ${inner}
      (instance $a (instantiate $inner (with "note" (func $host "note"))))
      (core func (canon lower (func $a "go"))))`;
    const bytes = await build(wat);
    expect(() => makePlan(bytes)).toThrow('calls between the parts of a composed component are not supported');
  });

  it.each([
    [
      'are not given what they import',
      `(component ${host} ${inner} (instance (instantiate $inner)))`,
      'is not given its func "note"',
    ],
    [
      'are given something else',
      `(component ${host} ${inner} (instance (instantiate $inner (with "note" (instance $host)))))`,
      'is not given its func "note"',
    ],
    [
      'export what they have not',
      `(component ${host} ${inner} (instance $a (instantiate $inner (with "note" (func $host "note")))) (alias export $a "other" (func)))`,
      'exports no func "other"',
    ],
    [
      'take functions from outside',
      `(component ${host} (alias export $host "note" (func $n)) (component $c (alias outer 1 0 (func))) )`,
      null,
    ],
  ])('%s', async (_, wat, reason) => {
    const bytes = await build(wat).catch(() => null);
    if (reason === null || bytes === null) return;
    expect(() => makePlan(bytes)).toThrow(reason);
    expect(() => makePlan(bytes)).toThrow(Malformed);
  });
});

describe('what a function exports', () => {
  it('may take more than is passed flat', async () => {
    const params = Array.from({ length: 20 }, (_, i) => `(param "p${i}" u32)`).join(' ');
    const wat = `(component
      (core module $m (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 256))
        (func (export "go") (param i32) (result i32) (i32.add (i32.load (local.get 0)) (i32.load offset=76 (local.get 0)))))
      (core instance $i (instantiate $m))
      (func $go ${params} (result u32) (canon lift (core func $i "go") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
      (export "go" (func $go)))`;
    const make = await open(await build(wat), {});
    expect(await make().call('go', ...Array.from({ length: 20 }, (_, i) => i + 1))).toBe(21);
  });
});
