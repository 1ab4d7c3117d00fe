/** A component that misbehaves as the first byte of the query says, for the benches of neighbours; anything else is answered with itself. */
import { buildComponent } from '../tools/build-functions.ts';

/** What the guest can be asked for: its first byte, and what comes of it. */
export const MISBEHAVIOURS: Readonly<Record<string, string>> = {
  loops: 'l',
  traps: 't',
  'grows to its cap': 'g',
  'exhausts the heap': 'h',
  'floods its output': 'f',
  'opens 10,000 streams': 's',
  'asks outside 10,000 times': 'a',
};

const GUEST = `(module
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new_request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $ask (param i32 i32 i32 i32)))
  ;; include http.wat
  (data (i32.const 1024) "text/plain")
  (data (i32.const 1040) "a.test")
  (func $ask_often (local $left i32) (local $request i32)
    (local.set $left (i32.const 10000))
    (loop $more
      (local.set $request (call $new_request (call $new_fields)))
      (drop (call $set_authority (local.get $request) (i32.const 1) (i32.const 1040) (i32.const 6)))
      (call $ask (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $more (local.get $left))))
  (func $open_often (local $left i32)
    (local.set $left (i32.const 10000))
    (loop $more
      (call $response_body (call $new_response (call $new_fields)) (i32.const 0))
      (call $body_write (call $value) (i32.const 0))
      (drop (call $value))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $more (local.get $left))))
  ;; Touches every page that it gets.
  (func $grow (local $before i32)
    (block $full
      (loop $more
        (local.set $before (memory.grow (i32.const 16)))
        (br_if $full (i32.eq (local.get $before) (i32.const -1)))
        (memory.fill (i32.shl (local.get $before) (i32.const 16)) (i32.const 1) (i32.const 1048576))
        (br $more))))
  ;; A name is kept as text, and text is the engine's own.
  (func $hoard (local $fields i32) (local $left i32)
    (memory.fill (i32.const 2048) (i32.const 0x61) (i32.const 250))
    (loop $again
      (local.set $fields (call $new_fields))
      (local.set $left (i32.const 255))
      (loop $more
        (call $append (local.get $fields) (i32.const 2048) (i32.const 250) (i32.const 1024) (i32.const 10) (i32.const 0))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left)))
      (br $again)))
  (func $flood (param $outparam i32) (local $response i32) (local $stream i32)
    (local.set $response (call $new_response (call $new_fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (call $body_write (call $value) (i32.const 0))
    (local.set $stream (call $value))
    (call $set_response (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (loop $more
      (call $write (local.get $stream) (i32.const 1024) (i32.const 4096) (i32.const 0))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 0))))))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $at i32) (local $length i32) (local $what i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (local.set $at)
    (local.set $what (i32.load8_u (local.get $at)))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (local.get $what) (i32.const 0x74)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 0x67)) (then (call $grow)))
    (if (i32.eq (local.get $what) (i32.const 0x68)) (then (call $hoard)))
    (if (i32.eq (local.get $what) (i32.const 0x66)) (then (call $flood (local.get $outparam)) (return)))
    (if (i32.eq (local.get $what) (i32.const 0x73)) (then (call $open_often)))
    (if (i32.eq (local.get $what) (i32.const 0x61)) (then (call $ask_often)))
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 1024) (i32.const 10) (local.get $at))))`;

/** Builds the guest. */
export function buildRunaway(): Promise<Uint8Array> {
  return buildComponent(GUEST, 'http');
}
