;; upper: a command (wasi:cli/run). Copies standard input to standard output with the letters a to z made upper-case.
(module
  (import "wasi:cli/stdin@0.2.12" "get-stdin" (func $get_stdin (result i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $get_stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read"
    (func $read (param $stream i32) (param $length i64) (param $result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $write (param $stream i32) (param $at i32) (param $length i32) (param $result i32)))

  (memory (export "memory") 1)

  ;; Every list that the host gives lands in the same 4 KiB, which are read before the next call.
  (global $buffer i32 (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (global.get $buffer))

  (func $is_lower (param $c i32) (result i32)
    (i32.lt_u (i32.sub (local.get $c) (i32.const 0x61)) (i32.const 26)))

  ;; Gives 0 for success, as the WIT type `result` asks.
  (func (export "wasi:cli/run@0.2.12#run") (result i32)
    (local $in i32) (local $out i32) (local $at i32) (local $end i32) (local $c i32)
    (local.set $in (call $get_stdin))
    (local.set $out (call $get_stdout))
    (loop $chunk
      ;; The result of a read: a byte that is 1 at the end of input, then pointer and length of what was read.
      (call $read (local.get $in) (i64.const 4096) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 0))))
      (local.set $at (i32.load (i32.const 20)))
      (local.set $end (i32.add (local.get $at) (i32.load (i32.const 24))))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $at) (local.get $end)))
          (local.set $c (i32.load8_u (local.get $at)))
          (if (call $is_lower (local.get $c))
            (then (i32.store8 (local.get $at) (i32.sub (local.get $c) (i32.const 32)))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (call $write (local.get $out) (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then (return (i32.const 1))))
      (br $chunk))
    (unreachable)))
