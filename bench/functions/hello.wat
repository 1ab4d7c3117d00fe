;; hello: answers every query with 200 and "hello\n" as text/plain, in as few calls of the host as that takes.
(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $new_fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $new_response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response_body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set_response (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body_write (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_output (param i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))

  ;; 0 results of calls, 256 constants, 1024 what the host gives: begun anew by each query, because nothing of it is kept.
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 1024))
  (data (i32.const 256) "content-type")
  (data (i32.const 272) "text/plain")
  (data (i32.const 288) "hello\n")

  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $top) (i32.const 65536)) (then unreachable))
    (local.get $at))

  ;; Takes the value out of the result at 0, or traps when it is an error.
  (func $value (result i32)
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i32.load (i32.const 4)))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $fields i32) (local $response i32) (local $body i32) (local $stream i32)
    (global.set $top (i32.const 1024))
    (local.set $fields (call $new_fields))
    (call $append
      (local.get $fields) (i32.const 256) (i32.const 12) (i32.const 272) (i32.const 10) (i32.const 0))
    (local.set $response (call $new_response (local.get $fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (local.set $body (call $value))
    (call $set_response
      (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body_write (local.get $body) (i32.const 0))
    (local.set $stream (call $value))
    (call $write (local.get $stream) (i32.const 288) (i32.const 6) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (call $drop_output (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))))
