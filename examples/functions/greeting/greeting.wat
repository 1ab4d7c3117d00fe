;; greeting: a WASI preview1 program. Writes "hello, " and what it reads; ends with 65 when it reads nothing.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 1)
  (data (i32.const 64) "hello, ")

  ;; 0: one vector, an address and a length; 8: how much was read or written; 4096: what was read.
  (func $write (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 74)))))

  (func $read (result i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 4096))
    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 74))))
    (i32.load (i32.const 8)))

  (func (export "_start")
    (local $length i32)
    (local.set $length (call $read))
    (if (i32.eqz (local.get $length)) (then (call $proc_exit (i32.const 65))))
    (call $write (i32.const 64) (i32.const 7))
    (loop $more
      (call $write (i32.const 4096) (local.get $length))
      (local.set $length (call $read))
      (br_if $more (local.get $length)))))
