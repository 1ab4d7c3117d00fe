/**
 * A guest that uses sockets as it is told by the body of a query, and answers with what came of it: `E` and the number of the error code, or
 * what it read. Addresses in a body are a byte for the family, the port and then the parts, all of 16 bits, little end first.
 */
import { type IpAddress, parseIp } from '../../../src/enclave/sandbox/net/address.ts';
import { buildComponent } from '../../../tools/build-functions.ts';

/** The cases of wasi:sockets/network error-code, in their order. */
export const ERROR_CODES: readonly string[] = [
  'unknown',
  'access-denied',
  'not-supported',
  'invalid-argument',
  'out-of-memory',
  'timeout',
  'concurrency-conflict',
  'not-in-progress',
  'would-block',
  'invalid-state',
  'new-socket-limit',
  'address-not-bindable',
  'address-in-use',
  'remote-unreachable',
  'connection-refused',
  'connection-reset',
  'connection-aborted',
  'datagram-too-large',
  'name-unresolvable',
  'temporary-resolver-failure',
  'permanent-resolver-failure',
];

const ADDRESS = 'i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32';
/** Lowers the address at $at as the flat parameters of an ip-socket-address. */
const part = (i: number): string => `(i32.load16_u offset=${4 + 2 * i} (local.get $at))`;
const ADDRESS_OF_AT = `(i32.load16_u (local.get $at)) (i32.load16_u offset=2 (local.get $at))
  (select ${part(0)} (i32.const 0) (i32.eqz (i32.load16_u (local.get $at))))
  ${[1, 2, 3].map((i) => `(select ${part(i)} ${part(i - 1)} (i32.eqz (i32.load16_u (local.get $at))))`).join('\n  ')}
  ${[3, 4, 5, 6, 7].map(part).join(' ')} (i32.const 0)`;

const GUEST = `(module
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.resolve-next-address" (func $next_address (param i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.subscribe" (func $lookup_done (param i32) (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-bind" (func $start_bind (param i32 i32 ${ADDRESS} i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-bind" (func $finish_bind (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-listen" (func $start_listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-listen" (func $finish_listen (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $start_connect (param i32 i32 ${ADDRESS} i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $finish_connect (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.accept" (func $accept (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.local-address" (func $local_address (param i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $tcp_done (param i32) (result i32)))
  (import "wasi:sockets/tcp@0.2.12" "[resource-drop]tcp-socket" (func $drop_tcp (param i32)))
  (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $udp_start_bind (param i32 i32 ${ADDRESS} i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $udp_finish_bind (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $udp_stream (param i32 i32 ${ADDRESS} i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $check_send (param i32 i32)))
  (import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.send" (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  ;; include http.wat
  (data (i32.const 1024) "text/plain")
  (data (i32.const 1040) "ping")

  ;; Says which error it was, when the result at 0 is one; its code stands at $at.
  (func $failed (param $at i32) (result i32)
    (if (result i32) (i32.load8_u (i32.const 0))
      (then
        (call $put_byte (i32.const 0x45))
        (call $put_number (i32.load8_u (local.get $at)))
        (i32.const 1))
      (else (i32.const 0))))

  ;; Writes what is asked, and puts down the four bytes that come back.
  (func $ping (param $input i32) (param $output i32) (local $end i32)
    (call $write (local.get $output) (i32.const 1040) (i32.const 4) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (call $put_byte (i32.const 0x57)) (return)))
    (local.set $end (i32.add (global.get $top) (i32.const 4)))
    (loop $more
      (call $read (local.get $input) (i64.extend_i32_u (i32.sub (local.get $end) (global.get $top))) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then (call $put_byte (i32.const 0x52)) (return)))
      (br_if $more (i32.lt_u (global.get $top) (local.get $end)))))

  (func $connect (param $at i32) (result i32) (local $socket i32)
    (call $tcp (i32.load16_u (local.get $at)) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return (i32.const 0))))
    (local.set $socket (i32.load (i32.const 4)))
    (call $start_connect (local.get $socket) (call $network) ${ADDRESS_OF_AT} (i32.const 0))
    (if (call $failed (i32.const 1)) (then (return (i32.const 0))))
    (call $block (call $tcp_done (local.get $socket)))
    (call $finish_connect (local.get $socket) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return (i32.const 0))))
    (local.get $socket))

  ;; t: connects, and sends a ping.
  (func $talk (param $at i32)
    (if (call $connect (local.get $at))
      (then (call $ping (i32.load (i32.const 4)) (i32.load (i32.const 8))))))

  ;; s: connects, and says how many bytes came until the end, and whether the last word was closed (1) or an error (0).
  (func $swallow (param $at i32) (local $input i32) (local $start i32) (local $count i32)
    (if (i32.eqz (call $connect (local.get $at))) (then (return)))
    (local.set $input (i32.load (i32.const 4)))
    (local.set $start (global.get $top))
    (block $end
      (loop $more
        (call $read (local.get $input) (i64.const 65536) (i32.const 0))
        (br_if $end (i32.load8_u (i32.const 0)))
        (local.set $count (i32.add (local.get $count) (i32.load (i32.const 8))))
        (global.set $top (local.get $start))
        (br $more)))
    (call $put_number (local.get $count))
    (call $put_byte (i32.const 0x20))
    (call $put_number (i32.load8_u (i32.const 4))))

  ;; r: the port at $at, and then a name: connects to its first address, or says what its addresses are when the port is 0.
  (func $look_up (param $at i32) (param $length i32) (local $lookup i32)
    (call $resolve (call $network) (i32.add (local.get $at) (i32.const 2)) (i32.sub (local.get $length) (i32.const 2)) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return)))
    (local.set $lookup (i32.load (i32.const 4)))
    (call $block (call $lookup_done (local.get $lookup)))
    (call $next_address (local.get $lookup) (i32.const 0))
    (if (call $failed (i32.const 2)) (then (return)))
    ;; An IPv4 address as this guest's own form, at 2048.
    (i32.store16 (i32.const 2048) (i32.load8_u (i32.const 4)))
    (i32.store16 (i32.const 2050) (i32.load16_u (local.get $at)))
    (i32.store16 (i32.const 2052) (i32.load8_u (i32.const 6)))
    (i32.store16 (i32.const 2054) (i32.load8_u (i32.const 7)))
    (i32.store16 (i32.const 2056) (i32.load8_u (i32.const 8)))
    (i32.store16 (i32.const 2058) (i32.load8_u (i32.const 9)))
    (call $talk (i32.const 2048)))

  ;; u: sends one datagram.
  (func $shout (param $at i32) (local $socket i32) (local $out i32)
    (call $udp (i32.load16_u (local.get $at)) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return)))
    (local.set $socket (i32.load (i32.const 4)))
    (call $udp_start_bind (local.get $socket) (call $network) (i32.load16_u (local.get $at)) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0))
    (if (call $failed (i32.const 1)) (then (return)))
    (call $udp_finish_bind (local.get $socket) (i32.const 0))
    (call $udp_stream (local.get $socket) (i32.const 1) ${ADDRESS_OF_AT} (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return)))
    (local.set $out (i32.load (i32.const 8)))
    (call $check_send (local.get $out) (i32.const 0))
    (if (call $failed (i32.const 8)) (then (return)))
    (memory.fill (i32.const 3072) (i32.const 0) (i32.const 44))
    (i32.store (i32.const 3072) (i32.const 1040))
    (i32.store (i32.const 3076) (i32.const 4))
    (call $send (local.get $out) (i32.const 3072) (i32.const 1) (i32.const 0))
    (if (call $failed (i32.const 8)) (then (return)))
    (call $put_number (i32.load (i32.const 8))))

  ;; l: listens on the address, connects to it, and sends a ping there and back.
  (func $listen (param $at i32) (local $server i32) (local $client i32) (local $there i32) (local $back i32)
    (local $in i32) (local $out i32)
    (call $tcp (i32.load16_u (local.get $at)) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return)))
    (local.set $server (i32.load (i32.const 4)))
    (call $start_bind (local.get $server) (call $network) ${ADDRESS_OF_AT} (i32.const 0))
    (if (call $failed (i32.const 1)) (then (return)))
    (call $finish_bind (local.get $server) (i32.const 0))
    (call $start_listen (local.get $server) (i32.const 0))
    (if (call $failed (i32.const 1)) (then (return)))
    (call $finish_listen (local.get $server) (i32.const 0))
    (call $local_address (local.get $server) (i32.const 0))
    (i32.store16 offset=2 (local.get $at) (i32.load16_u (i32.const 8)))
    (if (i32.eqz (call $connect (local.get $at))) (then (return)))
    (local.set $back (i32.load (i32.const 4)))
    (local.set $there (i32.load (i32.const 8)))
    (call $block (call $tcp_done (local.get $server)))
    (call $accept (local.get $server) (i32.const 0))
    (if (call $failed (i32.const 4)) (then (return)))
    (local.set $in (i32.load (i32.const 8)))
    (local.set $out (i32.load (i32.const 12)))
    (call $write (local.get $there) (i32.const 1040) (i32.const 4) (i32.const 0))
    (call $read (local.get $in) (i64.const 4) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (call $put_byte (i32.const 0x52)) (return)))
    (call $drop_output (local.get $there))
    (call $read (local.get $in) (i64.const 4) (i32.const 0))
    ;; closed is case 1 of stream-error.
    (call $put_number (i32.load8_u (i32.const 0)))
    (call $put_number (i32.load8_u (i32.const 4)))
    (call $ping (local.get $back) (local.get $out)))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $at i32) (local $length i32) (local $start i32) (local $what i32) (local $copy i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (local.set $at)
    (local.set $what (i32.load8_u (local.get $at)))
    ;; What follows the first byte, where nothing else is put.
    (memory.copy (i32.const 4096) (i32.add (local.get $at) (i32.const 1)) (i32.sub (local.get $length) (i32.const 1)))
    (local.set $start (global.get $top))
    (if (i32.eq (local.get $what) (i32.const 0x74)) (then (call $talk (i32.const 4096))))
    (if (i32.eq (local.get $what) (i32.const 0x73)) (then (call $swallow (i32.const 4096))))
    (if (i32.eq (local.get $what) (i32.const 0x72))
      (then (call $look_up (i32.const 4096) (i32.sub (local.get $length) (i32.const 1)))))
    (if (i32.eq (local.get $what) (i32.const 0x75)) (then (call $shout (i32.const 4096))))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) (then (call $listen (i32.const 4096))))
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 1024) (i32.const 10) (local.get $start))))`;

/** Builds the guest. */
export function buildSocketGuest(): Promise<Uint8Array> {
  return buildComponent(GUEST, 'http');
}

function encode(word: string, numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(1 + numbers.length * 2);
  bytes[0] = word.charCodeAt(0);
  for (const [i, n] of numbers.entries()) new DataView(bytes.buffer).setUint16(1 + i * 2, n, true);
  return bytes;
}

function numbersOf({ family, parts }: IpAddress, port: number): readonly number[] {
  return [family === 'ipv4' ? 0 : 1, port, ...parts];
}

/** Writes what the guest is to do with an address: `t` connect, `s` read to the end, `u` send a datagram, `l` listen and talk to itself. */
export function tell(what: 't' | 's' | 'u' | 'l', address: string, port: number): Uint8Array {
  const ip = parseIp(address);
  if (ip === null) throw new Error(`${address} is no address`);
  return encode(what, numbersOf(ip, port));
}

/** Tells the guest to look a name up and to connect to its first address. */
export function tellName(name: string, port: number): Uint8Array {
  return Uint8Array.of(...encode('r', [port]), ...new TextEncoder().encode(name));
}

/** Reads an answer: what came back, or the name of the error. */
export function readAnswer(text: string): string {
  const code = /^E(\d+)$/.exec(text)?.[1];
  return code === undefined ? text : (ERROR_CODES[Number(code)] ?? text);
}
