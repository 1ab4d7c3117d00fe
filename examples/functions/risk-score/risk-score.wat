;; risk-score: answers how much a patient's heart is at risk, from 0 to 100. An example of a function, not of medicine.
;;
;;   POST {"age": 61, "systolic": 150, "cigarettes": 10}   ->   {"score":52,"level":"medium"}
;;
;; One point for each two years of age (at most 50), one for each 4 mmHg of blood pressure above 100 (at most 30), one
;; for each cigarette a day (at most 20); from 40 it is medium, from 70 high. A number that is missing gives status 400.
(module
  ;; include http.wat

  (data (i32.const 1024) "\"age\"")
  (data (i32.const 1040) "\"systolic\"")
  (data (i32.const 1072) "\"cigarettes\"")
  (data (i32.const 1104) "application/json")
  (data (i32.const 1136) "{\"error\":\"send age, systolic and cigarettes as whole numbers\"}")
  (data (i32.const 1232) "{\"score\":")
  (data (i32.const 1248) ",\"level\":\"")
  (data (i32.const 1264) "low")
  (data (i32.const 1272) "medium")
  (data (i32.const 1280) "high")
  (data (i32.const 1296) "\"}")

  (global $text (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0))

  (func $at_end (param $at i32) (result i32) (i32.ge_u (local.get $at) (global.get $end)))

  (func $same (param $a i32) (param $b i32) (param $length i32) (result i32)
    (block $no
      (loop $next
        (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
        (br_if $no (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (local.set $b (i32.add (local.get $b) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; Finds a quoted key in the body and gives the whole number behind its colon, or -1.
  (func $number_of (param $key i32) (param $length i32) (result i32)
    (local $at i32) (local $digit i32) (local $n i32) (local $digits i32)
    (local.set $at (global.get $text))
    (block $found
      (loop $search
        (if (call $at_end (i32.add (local.get $at) (local.get $length))) (then (return (i32.const -1))))
        (br_if $found (call $same (local.get $at) (local.get $key) (local.get $length)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $search)))
    (local.set $at (i32.add (local.get $at) (local.get $length)))
    ;; Skip one colon and any spaces.
    (block $here
      (loop $skip
        (br_if $here (call $at_end (local.get $at)))
        (br_if $here
          (i32.and
            (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x3a))
            (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x20))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $skip)))
    ;; Nine digits at most, so that the number fits.
    (block $done
      (loop $next
        (br_if $done (call $at_end (local.get $at)))
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)))
        (br_if $done (i32.ge_u (local.get $digit) (i32.const 10)))
        (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 10)) (local.get $digit)))
        (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
        (if (i32.gt_u (local.get $digits) (i32.const 9)) (then (return (i32.const -1))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (select (local.get $n) (i32.const -1) (local.get $digits)))

  (func $at_most (param $n i32) (param $most i32) (result i32)
    (select (local.get $n) (local.get $most) (i32.lt_u (local.get $n) (local.get $most))))

  (func $score (param $age i32) (param $systolic i32) (param $cigarettes i32) (result i32)
    (i32.add
      (i32.add
        (call $at_most (i32.div_u (local.get $age) (i32.const 2)) (i32.const 50))
        (call $at_most (local.get $cigarettes) (i32.const 20)))
      (if (result i32) (i32.lt_u (local.get $systolic) (i32.const 100))
        (then (i32.const 0))
        (else
          (call $at_most
            (i32.div_u (i32.sub (local.get $systolic) (i32.const 100)) (i32.const 4))
            (i32.const 30))))))

  (func $put_level (param $score i32)
    (if (i32.ge_u (local.get $score) (i32.const 70)) (then (call $put (i32.const 1280) (i32.const 4)) (return)))
    (if (i32.ge_u (local.get $score) (i32.const 40)) (then (call $put (i32.const 1272) (i32.const 6)) (return)))
    (call $put (i32.const 1264) (i32.const 3)))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $length i32) (local $age i32) (local $systolic i32) (local $cigarettes i32) (local $score i32) (local $start i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (global.set $text)
    (global.set $end (i32.add (global.get $text) (local.get $length)))
    (local.set $age (call $number_of (i32.const 1024) (i32.const 5)))
    (local.set $systolic (call $number_of (i32.const 1040) (i32.const 10)))
    (local.set $cigarettes (call $number_of (i32.const 1072) (i32.const 12)))
    (local.set $start (global.get $top))
    (if (i32.lt_s (i32.or (i32.or (local.get $age) (local.get $systolic)) (local.get $cigarettes)) (i32.const 0))
      (then
        (call $put (i32.const 1136) (i32.const 62))
        (call $respond (local.get $outparam) (i32.const 400) (i32.const 1104) (i32.const 16) (local.get $start))
        (return)))
    (local.set $score (call $score (local.get $age) (local.get $systolic) (local.get $cigarettes)))
    (call $put (i32.const 1232) (i32.const 9))
    (call $put_number (local.get $score))
    (call $put (i32.const 1248) (i32.const 10))
    (call $put_level (local.get $score))
    (call $put (i32.const 1296) (i32.const 2))
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 1104) (i32.const 16) (local.get $start))))
