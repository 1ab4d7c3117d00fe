;; reverse: bytes for bytes (`run: func(input: list<u8>) -> result<list<u8>, string>`). Answers with the body backwards; an empty one is an error.
(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "there is nothing to turn around")

  ;; The host asks for room for the body, once; an instance that is kept gets the same room for each query.
  (global $room i32 (i32.const 4096))
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $end i32)
    (local.set $end (i32.add (global.get $room) (local.get $size)))
    (block $done
      (br_if $done (i32.le_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $done (i32.ne (i32.const -1)
        (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1)))))
      (unreachable))
    (global.get $room))

  ;; Gives the address of the result: a byte that is 1 for an error, then at 4 and 8 where the bytes or the text are, and how long.
  (func (export "run") (param $at i32) (param $length i32) (result i32)
    (local $left i32) (local $right i32) (local $byte i32)
    (if (i32.eqz (local.get $length))
      (then
        (i32.store8 (i32.const 0) (i32.const 1))
        (i32.store (i32.const 4) (i32.const 1024))
        (i32.store (i32.const 8) (i32.const 31))
        (return (i32.const 0))))
    (local.set $left (local.get $at))
    (local.set $right (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 1)))
    (block $done
      (loop $swap
        (br_if $done (i32.ge_u (local.get $left) (local.get $right)))
        (local.set $byte (i32.load8_u (local.get $left)))
        (i32.store8 (local.get $left) (i32.load8_u (local.get $right)))
        (i32.store8 (local.get $right) (local.get $byte))
        (local.set $left (i32.add (local.get $left) (i32.const 1)))
        (local.set $right (i32.sub (local.get $right) (i32.const 1)))
        (br $swap)))
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get $at))
    (i32.store (i32.const 8) (local.get $length))
    (i32.const 0)))
