;; echo: answers with the bytes of the query, a piece at a time, as they come; it holds no more than one piece.
(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $body_stream (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop_input (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $new_fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $new_response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response_body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set_response (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body_write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $check_write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_output (param i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))

  ;; 0 results of calls, 256 constants, 1024 what the host gives in one call: one piece, and then it begins anew.
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 1024))
  (data (i32.const 256) "content-type")
  (data (i32.const 272) "application/octet-stream")

  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $top) (i32.const 131072)) (then unreachable))
    (local.get $at))

  ;; Takes the value out of the result at 0, or traps when it is an error.
  (func $value (result i32)
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i32.load (i32.const 4)))

  ;; How many bytes may be written now, at least one: waits for room where there is none.
  (func $room (param $stream i32) (result i32)
    (local $pollable i32)
    (block $some
      (loop $again
        (call $check_write (local.get $stream) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then unreachable))
        (br_if $some (i64.ne (i64.load (i32.const 8)) (i64.const 0)))
        (local.set $pollable (call $subscribe (local.get $stream)))
        (call $block (local.get $pollable))
        (call $drop_pollable (local.get $pollable))
        (br $again)))
    (i32.wrap_i64 (i64.load (i32.const 8))))

  (func $write_all (param $stream i32) (param $at i32) (param $size i32)
    (local $part i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (local.set $part (call $room (local.get $stream)))
        (if (i32.gt_u (local.get $part) (local.get $size)) (then (local.set $part (local.get $size))))
        (call $write (local.get $stream) (local.get $at) (local.get $part) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (local.get $part)))
        (local.set $size (i32.sub (local.get $size) (local.get $part)))
        (br $next))))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $fields i32) (local $response i32) (local $body i32) (local $in i32) (local $out i32)
    (global.set $top (i32.const 1024))
    (call $consume (local.get $request) (i32.const 0))
    (call $body_stream (call $value) (i32.const 0))
    (local.set $in (call $value))
    (local.set $fields (call $new_fields))
    (call $append
      (local.get $fields) (i32.const 256) (i32.const 12) (i32.const 272) (i32.const 24) (i32.const 0))
    (local.set $response (call $new_response (local.get $fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (local.set $body (call $value))
    (call $set_response
      (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body_write (local.get $body) (i32.const 0))
    (local.set $out (call $value))
    (block $end
      (loop $more
        (global.set $top (i32.const 1024))
        (call $read (local.get $in) (i64.const 65536) (i32.const 0))
        (br_if $end (i32.load8_u (i32.const 0)))
        (call $write_all (local.get $out) (i32.load (i32.const 4)) (i32.load (i32.const 8)))
        (br $more)))
    (call $drop_input (local.get $in))
    (call $drop_output (local.get $out))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))))
