  ;; What every example that answers HTTP shares: read the body of a query, put an answer together, send it.
  ;; A WIT method returns a `result` through memory: byte 0 is 1 for an error, the value follows at 4.

  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $body_stream (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop_input (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $new_fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $new_response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.set-status-code"
    (func $set_status (param i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response_body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set_response (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body_write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_output (param i32)))

  ;; 0 results of calls, 1024 constants of the function, 65536 what the host gives and what is put together, growing.
  (memory (export "memory") 2)
  (global $top (mut i32) (i32.const 65536))

  ;; Gives fresh memory one piece after the other; an instance serves one query, so nothing is ever given back.
  (func $take (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $grow
        (br_if $fits (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $grow)))
    (local.get $at))

  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (global.set $top
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (call $take (local.get $size)))

  ;; Takes the value out of the result at 0, or traps when it is an error.
  (func $value (result i32)
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (i32.load (i32.const 4)))

  ;; Reads a whole body and gives pointer and length: bytes come piece by piece, each right behind the one before.
  (func $read_all (param $body i32) (result i32 i32)
    (local $stream i32) (local $start i32)
    (call $body_stream (local.get $body) (i32.const 0))
    (local.set $stream (call $value))
    (local.set $start (global.get $top))
    (block $end
      (loop $more
        (call $read (local.get $stream) (i64.const 65536) (i32.const 0))
        (br_if $end (i32.load8_u (i32.const 0)))
        (br $more)))
    (call $drop_input (local.get $stream))
    (local.get $start)
    (i32.sub (global.get $top) (local.get $start)))

  ;; Appends text to the answer that is being put together at the top of memory.
  (func $put (param $at i32) (param $length i32)
    (memory.copy (call $take (local.get $length)) (local.get $at) (local.get $length)))

  (func $put_byte (param $byte i32)
    (i32.store8 (call $take (i32.const 1)) (local.get $byte)))

  (func $put_number (param $n i32)
    (if (i32.ge_u (local.get $n) (i32.const 10))
      (then (call $put_number (i32.div_u (local.get $n) (i32.const 10)))))
    (call $put_byte (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10)))))

  ;; Sends the answer: a status, a content type, and all that was put together since $start.
  (func $respond
    (param $outparam i32) (param $status i32) (param $type i32) (param $type_length i32) (param $start i32)
    (local $fields i32) (local $response i32) (local $body i32) (local $stream i32) (local $end i32) (local $size i32)
    (local.set $end (global.get $top))
    (local.set $fields (call $new_fields))
    (call $append
      (local.get $fields) (i32.const 512) (i32.const 12) (local.get $type) (local.get $type_length) (i32.const 0))
    (local.set $response (call $new_response (local.get $fields)))
    (drop (call $set_status (local.get $response) (local.get $status)))
    (call $response_body (local.get $response) (i32.const 0))
    (local.set $body (call $value))
    (call $set_response
      (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body_write (local.get $body) (i32.const 0))
    (local.set $stream (call $value))
    ;; A blocking write takes at most 4096 bytes.
    (block $done
      (loop $next
        (local.set $size (i32.sub (local.get $end) (local.get $start)))
        (br_if $done (i32.eqz (local.get $size)))
        (if (i32.gt_u (local.get $size) (i32.const 4096)) (then (local.set $size (i32.const 4096))))
        (call $write (local.get $stream) (local.get $start) (local.get $size) (i32.const 0))
        (if (i32.load8_u (i32.const 0)) (then unreachable))
        (local.set $start (i32.add (local.get $start) (local.get $size)))
        (br $next)))
    (call $drop_output (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))

  (data (i32.const 512) "content-type")
