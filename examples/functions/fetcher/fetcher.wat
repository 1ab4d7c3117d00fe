;; fetcher: takes a URL as the body of a query, gets it, and answers with what came of it, as text:
;;
;;   status 200            and the body, when the request was made
;;   error HTTP-request-denied      the wasi:http name of the reason, when it was not
;;
;; It follows no redirects: a redirect is a status like any other.
(module
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new_request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $set_scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
    (func $set_path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
    (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume_response (param i32 i32)))

  ;; include http.wat

  (data (i32.const 1024) "text/plain")
  (data (i32.const 1040) "status ")
  (data (i32.const 1056) "error ")
  (data (i32.const 1072) "http")
  (data (i32.const 1088) "send an absolute URL, for example https://listed.host.test/path\n")
  ;; The cases of the variant error-code in their order, 36 characters each.
  (data (i32.const 2048)
    "DNS-timeout                         "
    "DNS-error                           "
    "destination-not-found               "
    "destination-unavailable             "
    "destination-IP-prohibited           "
    "destination-IP-unroutable           "
    "connection-refused                  "
    "connection-terminated               "
    "connection-timeout                  "
    "connection-read-timeout             "
    "connection-write-timeout            "
    "connection-limit-reached            "
    "TLS-protocol-error                  "
    "TLS-certificate-error               "
    "TLS-alert-received                  "
    "HTTP-request-denied                 "
    "HTTP-request-length-required        "
    "HTTP-request-body-size              "
    "HTTP-request-method-invalid         "
    "HTTP-request-URI-invalid            "
    "HTTP-request-URI-too-long           "
    "HTTP-request-header-section-size    "
    "HTTP-request-header-size            "
    "HTTP-request-trailer-section-size   "
    "HTTP-request-trailer-size           "
    "HTTP-response-incomplete            "
    "HTTP-response-header-section-size   "
    "HTTP-response-header-size           "
    "HTTP-response-body-size             "
    "HTTP-response-trailer-section-size  "
    "HTTP-response-trailer-size          "
    "HTTP-response-transfer-coding       "
    "HTTP-response-content-coding        "
    "HTTP-response-timeout               "
    "HTTP-upgrade-failed                 "
    "HTTP-protocol-error                 "
    "loop-detected                       "
    "configuration-error                 "
    "internal-error                      ")

  (func $put_error (param $case i32)
    (local $at i32)
    (call $put (i32.const 1056) (i32.const 6))
    (local.set $at (i32.add (i32.const 2048) (i32.mul (local.get $case) (i32.const 36))))
    (block $end
      (loop $next
        (br_if $end (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x20)))
        (call $put_byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (call $put_byte (i32.const 0x0a)))

  ;; Gives the place of a byte at or after $at, or $end.
  (func $find (param $at i32) (param $end i32) (param $byte i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (br_if $done (i32.eq (i32.load8_u (local.get $at)) (local.get $byte)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $at))

  ;; Makes a GET request of a URL; 0 when the text is not an absolute URL that the host takes.
  (func $make_request (param $url i32) (param $end i32) (result i32)
    (local $request i32) (local $colon i32) (local $authority i32) (local $path i32) (local $case i32)
    (local.set $colon (call $find (local.get $url) (local.get $end) (i32.const 0x3a)))
    (local.set $authority (i32.add (local.get $colon) (i32.const 3)))
    (if (i32.ge_u (local.get $authority) (local.get $end)) (then (return (i32.const 0))))
    (local.set $path (call $find (local.get $authority) (local.get $end) (i32.const 0x2f)))
    (local.set $request (call $new_request (call $new_fields)))
    ;; The variant scheme: 0 http, 1 https, 2 any other with its name.
    (local.set $case (i32.const 2))
    (if (i32.eq (i32.load (local.get $url)) (i32.load (i32.const 1072)))
      (then
        (if (i32.eq (i32.sub (local.get $colon) (local.get $url)) (i32.const 4)) (then (local.set $case (i32.const 0))))
        (if (i32.eq (i32.load16_u offset=4 (local.get $url)) (i32.const 0x3a73)) (then (local.set $case (i32.const 1))))))
    (if (call $set_scheme
          (local.get $request) (i32.const 1) (local.get $case)
          (local.get $url) (i32.sub (local.get $colon) (local.get $url)))
      (then (return (i32.const 0))))
    (if (call $set_authority
          (local.get $request) (i32.const 1) (local.get $authority) (i32.sub (local.get $path) (local.get $authority)))
      (then (return (i32.const 0))))
    (if (call $set_path
          (local.get $request) (i32.lt_u (local.get $path) (local.get $end))
          (local.get $path) (i32.sub (local.get $end) (local.get $path)))
      (then (return (i32.const 0))))
    (local.get $request))

  ;; Sends the request, waits, puts the outcome together, and gives the place where that starts.
  (func $fetch (param $request i32) (result i32)
    (local $future i32) (local $pollable i32) (local $response i32) (local $start i32)
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
    ;; result<future, error-code>: the value is at 8, because an error-code may hold a u64.
    (local.set $start (global.get $top))
    (if (i32.load8_u (i32.const 0))
      (then (call $put_error (i32.load8_u (i32.const 8))) (return (local.get $start))))
    (local.set $future (i32.load (i32.const 8)))
    (local.set $pollable (call $subscribe (local.get $future)))
    (call $block (local.get $pollable))
    (call $drop_pollable (local.get $pollable))
    (call $get (local.get $future) (i32.const 0))
    ;; option<result<result<response, error-code>>>: 0 some, 8 outer result, 16 inner result, 24 its value.
    (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
    (if (i32.load8_u (i32.const 8)) (then unreachable))
    ;; A reason may have come with text, which lies in memory before what is put together from here on.
    (local.set $start (global.get $top))
    (if (i32.load8_u (i32.const 16))
      (then (call $put_error (i32.load8_u (i32.const 24))) (return (local.get $start))))
    (local.set $response (i32.load (i32.const 24)))
    (call $put (i32.const 1040) (i32.const 7))
    (call $put_number (call $status (local.get $response)))
    (call $put_byte (i32.const 0x0a))
    ;; The body lands right behind what was put together, which is where it belongs.
    (call $consume_response (local.get $response) (i32.const 0))
    (call $read_all (call $value))
    (drop)
    (drop)
    (local.get $start))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $incoming i32) (param $outparam i32)
    (local $url i32) (local $end i32) (local $request i32) (local $start i32) (local $length i32)
    (call $consume (local.get $incoming) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (local.set $url)
    (local.set $end (i32.add (local.get $url) (local.get $length)))
    ;; A URL that was typed often ends with a line end.
    (local.set $end (call $find (local.get $url) (local.get $end) (i32.const 0x0a)))
    (local.set $request (call $make_request (local.get $url) (local.get $end)))
    (local.set $start (global.get $top))
    (if (i32.eqz (local.get $request))
      (then
        (call $put (i32.const 1088) (i32.const 64))
        (call $respond (local.get $outparam) (i32.const 400) (i32.const 1024) (i32.const 10) (local.get $start))
        (return)))
    (local.set $start (call $fetch (local.get $request)))
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 1024) (i32.const 10) (local.get $start))))
