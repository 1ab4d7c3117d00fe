/** Valid modules and components to begin with: programs at random that come to an end, a module around every opcode, and guests of the tests. */
import fc from 'fast-check';
import { writeGuest } from '../test/enclave/sandbox/component/async-guest.ts';
import { build } from '../test/enclave/sandbox/component/kit.ts';
import { acceptedModules } from '../test/enclave/sandbox/wasm/opcode-modules.ts';
import { arbitraryProgram } from '../test/enclave/sandbox/wasm/programs.ts';
import { buildComponent } from '../tools/build-functions.ts';

/** Names the programs that are made; others would only make other mutations. */
const PROGRAMS_SEED = 7;

const MIXED = `(module (rec (type $n (struct (field (ref null $o)))) (type $o (struct (field (ref null $n)))))
  (type $a (array (mut i32))) (type $s (struct (field i32))) (tag $t (param i32))
  (import "host" "touch" (func $h (param i32) (result i32)))
  (memory (export "memory") 1 400) (table $x 2 9 funcref) (table $y 1 externref)
  (global $g (mut i64) (i64.const 5)) (global (export "c") i32 (i32.const 7))
  (elem (table $x) (i32.const 0) func $f) (elem $e declare func $go)
  (data (i32.const 8) "bytes") (data $d "more")
  (func $f (param i32) (result i32) (return_call $h (local.get 0)))
  (func $go (export "go") (param i32 i32) (result i32) (local v128)
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4))
    (local.set 2 (i32x4.splat (local.get 0)))
    (global.set $g (i64.add (global.get $g) (i64.extend_i32_s (local.get 1))))
    (block $b (result i32)
      (try_table (result i32) (catch $t $b)
        (call_indirect $x (param i32) (result i32) (i32x4.extract_lane 1 (local.get 2)) (i32.const 0))
        (if (param i32) (result i32) (local.get 1) (then) (else (throw $t))))
      (i32.add (i32.wrap_i64 (global.get $g)))
      (i32.add (array.get $a (array.new $a (local.get 0) (i32.const 3)) (i32.const 2))))))`;

/** What cannot be run here, because it imports more than functions: indexes count on from what is imported. */
const IMPORTING = `(module (import "a" "g" (global i32)) (import "a" "h" (global (mut i32))) (import "a" "t" (table 1 funcref))
  (import "a" "f" (func $f (param i32) (result i32)))
  (global (mut i32) (global.get 0)) (elem (i32.const 0) $f $go) (export "go" (func $go))
  (func $go (param i32) (result i32) (loop $l (br_if $l (call $f (global.get 2)))) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))`;

/** Gives valid core modules. */
export async function makeModules(): Promise<readonly Uint8Array[]> {
  const programs = await Promise.all(fc.sample(arbitraryProgram, { seed: PROGRAMS_SEED, numRuns: 40 }).map(build));
  // Thousands, most of them with the same opcode: one of each.
  const opcodes = new Map(acceptedModules().map(({ opcode, bytes }) => [opcode, bytes])).values();
  // Most inputs begin with what can be run.
  const run = [await build(MIXED), await build(IMPORTING), ...programs];
  return [...Array.from({ length: 24 }, () => run).flat(), ...opcodes];
}

const HTTP = `(module
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func (param i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
  (func (export "wasi:cli/run@0.2.12#run") (result i32) (i32.const 0)))`;

/** Gives valid components. */
export async function makeComponents(): Promise<readonly Uint8Array[]> {
  const values = `(component
    (type $r (record (field "a" string) (field "b" (list (tuple u8 u64))) (field "c" (option char))))
    (type $v (variant (case "x" $r) (case "y") (case "z" (result u32 (error string)))))
    (import "t:w/host" (instance $host (export "res" (type $res (sub resource))) (export "f" (func (result (own $res))))))
    (core module $m (memory (export "m") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
      (func (export "go") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8)))
    (core instance $i (instantiate $m))
    (component $inner (type $t (func (param "a" u32) (result u32))))
    (instance $n (instantiate $inner)))`;
  const texts = [writeGuest({ run: '(i32.const 0)' }), values];
  return [await buildComponent(HTTP, 'command'), ...(await Promise.all(texts.map(build)))];
}
