/** Guests for the sandbox's tests, as text: one component that misbehaves in the way the first byte of the query says, and small modules. */

import { parse } from '@bytecodealliance/jco';
import { sha256 } from '../../../src/base/digest.ts';
import type { Bundle } from '../../../src/enclave/sandbox/bundle.ts';
import type { CircuitLimits } from '../../../src/enclave/sandbox/circuit.ts';
import type { CircuitsLimits } from '../../../src/enclave/sandbox/circuits.ts';
import type { CommandRequest } from '../../../src/enclave/sandbox/command-messages.ts';
import {
  DEFAULT_FUNCTION_LIMITS,
  type FunctionLimits,
  type LoadOptions,
  loadFunction,
  type SandboxedFunction,
} from '../../../src/enclave/sandbox/load.ts';
import type { ModuleRules } from '../../../src/enclave/sandbox/prepare-modules.ts';
import { NO_GROUPS } from '../../../src/enclave/sandbox/resource-groups.ts';
import type { CallTerms, Egress, FunctionResponse } from '../../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../../src/enclave/sandbox/socket-egress.ts';
import { buildComponent } from '../../../tools/build-functions.ts';
import { NEVER_GONE, wholeOf } from '../bodies.ts';

/** What a test's modules are held to, where it does not matter. */
export const RULES: ModuleRules = { memoryPages: 4096, gas: null };

/** What the guest does, by the first byte of the body; anything else is answered with the body itself. */
const ROGUE = `(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
  (import "wasi:cli/stderr@0.2.12" "get-stderr" (func $stderr (result i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $directories (param i32)))
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  ;; include http.wat
  (data (i32.const 1024) "text/plain")
  (data (i32.const 1040) "secret\\n")
  (data (i32.const 1056) "connection")
  (data (i32.const 1072) "close")
  (global $calls (mut i32) (i32.const 0))
  (func $probe (local $fields i32)
    (call $environment (i32.const 0))
    (call $put_number (i32.load (i32.const 4)))
    (call $put_byte (i32.const 0x20))
    (call $directories (i32.const 0))
    (call $put_number (i32.load (i32.const 4)))
    (call $put_byte (i32.const 0x20))
    ;; A header of the connection: error 1, case 1 is forbidden.
    (local.set $fields (call $new_fields))
    (call $append (local.get $fields) (i32.const 1056) (i32.const 10) (i32.const 1072) (i32.const 5) (i32.const 0))
    (call $put_number (i32.load8_u (i32.const 0)))
    (call $put_number (i32.load8_u (i32.const 1))))
  (func $grow (result i32)
    (block $full
      (loop $more
        (br_if $full (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
        (br $more)))
    (memory.size))
  (func $flood (param $outparam i32) (local $response i32) (local $stream i32)
    (local.set $response (call $new_response (call $new_fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (call $body_write (call $value) (i32.const 0))
    (local.set $stream (call $value))
    (loop $more
      (call $write (local.get $stream) (i32.const 1024) (i32.const 4096) (i32.const 0))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 0))))))
  (func $unfinished (param $outparam i32) (local $response i32)
    (local.set $response (call $new_response (call $new_fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (call $set_response (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $at i32) (local $length i32) (local $start i32) (local $what i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $read_all (call $value))
    (local.set $length)
    (local.set $at)
    (local.set $what (i32.load8_u (local.get $at)))
    (local.set $start (global.get $top))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (block $answer
      (if (i32.eq (local.get $what) (i32.const 0x74)) (then unreachable)) ;; t: trap
      (if (i32.eq (local.get $what) (i32.const 0x6c)) (then (loop $for_ever (br $for_ever)))) ;; l: loop
      (if (i32.eq (local.get $what) (i32.const 0x6e)) (then (return))) ;; n: no answer
      (if (i32.eq (local.get $what) (i32.const 0x78)) (then (call $exit (i32.const 0)))) ;; x: exit
      (if (i32.eq (local.get $what) (i32.const 0x66)) (then (call $flood (local.get $outparam)) (return))) ;; f: flood
      (if (i32.eq (local.get $what) (i32.const 0x75)) (then (call $unfinished (local.get $outparam)) (return))) ;; u
      (if (i32.eq (local.get $what) (i32.const 0x65)) ;; e: answers with the error HTTP-protocol-error
        (then
          (call $set_response (local.get $outparam) (i32.const 1) (i32.const 35)
            (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
          (return)))
      (if (i32.eq (local.get $what) (i32.const 0x72)) (then (call $random (i64.const -1) (i32.const 0)))) ;; r: 2^64 bytes
      (if (i32.eq (local.get $what) (i32.const 0x71)) (then (call $poll (i32.const 0) (i32.const 0) (i32.const 0)))) ;; q
      (if (i32.eq (local.get $what) (i32.const 0x6f)) (then (call $write (call $stderr) (i32.const 1040) (i32.const 7) (i32.const 0)))) ;; o: log
      (if (i32.eq (local.get $what) (i32.const 0x67)) (then (call $put_number (call $grow)) (br $answer))) ;; g: grow
      (if (i32.eq (local.get $what) (i32.const 0x70)) (then (call $probe) (br $answer))) ;; p: probe
      (if (i32.eq (local.get $what) (i32.const 0x63)) (then (call $put_number (global.get $calls)) (br $answer))) ;; c: calls
      (if (i32.eq (local.get $what) (i32.const 0x73)) (then (call $block (call $after (i64.const 300000000))))) ;; s: sleep
      (local.set $start (local.get $at)))
    (call $respond (local.get $outparam) (i32.const 200) (i32.const 1024) (i32.const 10) (local.get $start))))`;

/** A preview1 module around the body of its \`_start\`; memory 0 to 1023 is free. */
export function writePreview1(start: string): string {
  return `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") ${start}))`;
}

/**
 * What passes bodies on, by the second character of the path: `e` echoes, `d` answers without reading, `g` writes for ever, `r` sends its body to
 * http://relay.test/ and answers with what comes back, `t` traps in the middle of its answer, `l` declares one byte more than it writes, `o` lets go of its body and its answer in the middle.
 */
const STREAMER = `(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]outgoing-body" (func $drop_body (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new_request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method" (func $set_method (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
    (func $set_scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
    (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $request_body (param i32 i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $send (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume_response (param i32 i32)))
  ;; include http.wat
  (data (i32.const 1024) "text/plain")
  (data (i32.const 1040) "relay.test")
  (data (i32.const 1056) "content-length")
  (data (i32.const 1072) "5")
  ;; Opens an answer of text, and gives its body and the stream of that.
  (func $begin (param $outparam i32) (param $fields i32) (result i32 i32)
    (local $response i32) (local $body i32)
    (call $append (local.get $fields) (i32.const 512) (i32.const 12) (i32.const 1024) (i32.const 10) (i32.const 0))
    (local.set $response (call $new_response (local.get $fields)))
    (call $response_body (local.get $response) (i32.const 0))
    (local.set $body (call $value))
    (call $set_response
      (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $body_write (local.get $body) (i32.const 0))
    (local.get $body)
    (call $value))
  ;; Passes on a source into a sink, piece by piece, in the same memory each time; gives what ended it: 0 is an end, 1 is a write that failed.
  (func $pass (param $from i32) (param $to i32) (result i32)
    (loop $more
      (global.set $top (i32.const 65536))
      (call $read (local.get $from) (i64.const 65536) (i32.const 0))
      (if (i32.load8_u (i32.const 0))
        ;; Case 1 is closed; anything else broke off.
        (then (if (i32.eq (i32.load8_u (i32.const 4)) (i32.const 1)) (then (return (i32.const 0)))) unreachable))
      (call $write (local.get $to) (i32.load (i32.const 4)) (i32.load (i32.const 8)) (i32.const 16))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 16)))))
    (i32.const 1))
  (func $end (param $body i32) (param $stream i32)
    (call $drop_output (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func $relay (param $from i32) (param $outparam i32)
    (local $request i32) (local $body i32) (local $stream i32) (local $future i32)
    (local.set $request (call $new_request (call $new_fields)))
    (drop (call $set_method (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $set_scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $set_authority (local.get $request) (i32.const 1) (i32.const 1040) (i32.const 10)))
    (call $request_body (local.get $request) (i32.const 0))
    (local.set $body (call $value))
    (call $send (local.get $request) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (local.set $future (i32.load (i32.const 8)))
    (call $body_write (local.get $body) (i32.const 0))
    (local.set $stream (call $value))
    (drop (call $pass (local.get $from) (local.get $stream)))
    (call $end (local.get $body) (local.get $stream))
    (call $block (call $subscribe (local.get $future)))
    (call $get (local.get $future) (i32.const 0))
    ;; option<result<result<response>>>: there, asked once, and not refused.
    (if (i32.load8_u (i32.const 16)) (then unreachable))
    (call $consume_response (i32.load (i32.const 24)) (i32.const 0))
    (call $body_stream (call $value) (i32.const 0))
    (local.set $from (call $value))
    (call $begin (local.get $outparam) (call $new_fields))
    (local.set $stream)
    (local.set $body)
    (drop (call $pass (local.get $from) (local.get $stream)))
    (call $end (local.get $body) (local.get $stream)))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $what i32) (local $from i32) (local $incoming i32) (local $body i32) (local $stream i32) (local $fields i32) (local $n i32)
    (call $path (local.get $request) (i32.const 0))
    (local.set $what (i32.load8_u offset=1 (i32.load (i32.const 4))))
    (call $consume (local.get $request) (i32.const 0))
    (local.set $incoming (call $value))
    (call $body_stream (local.get $incoming) (i32.const 0))
    (local.set $from (call $value))
    (if (i32.eq (local.get $what) (i32.const 0x72)) ;; r
      (then (call $relay (local.get $from) (local.get $outparam)) (return)))
    (local.set $fields (call $new_fields))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) ;; l
      (then (call $append
        (local.get $fields) (i32.const 1056) (i32.const 14) (i32.const 1072) (i32.const 1) (i32.const 0))))
    (call $begin (local.get $outparam) (local.get $fields))
    (local.set $stream)
    (local.set $body)
    (if (i32.eq (local.get $what) (i32.const 0x65)) ;; e
      (then
        (drop (call $pass (local.get $from) (local.get $stream)))
        (call $end (local.get $body) (local.get $stream))
        (return)))
    (if (i32.eq (local.get $what) (i32.const 0x6c)) ;; l: four bytes of the five that it declared
      (then
        (call $write (local.get $stream) (i32.const 1024) (i32.const 4) (i32.const 0))
        (call $end (local.get $body) (local.get $stream))
        (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
        (return)))
    (if (i32.eq (local.get $what) (i32.const 0x64)) ;; d
      (then
        (call $write (local.get $stream) (i32.const 1024) (i32.const 4) (i32.const 0))
        (call $end (local.get $body) (local.get $stream))
        (return)))
    (loop $more
      (call $write (local.get $stream) (i32.const 1024) (i32.const 4096) (i32.const 16))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      ;; t and o: after a megabyte
      (if (i32.eq (local.get $n) (i32.const 256))
        (then
          (if (i32.eq (local.get $what) (i32.const 0x74)) (then unreachable))
          (if (i32.eq (local.get $what) (i32.const 0x6f))
            (then (call $drop_output (local.get $stream)) (call $drop_body (local.get $body)) (return)))))
      (br_if $more (i32.eqz (i32.load8_u (i32.const 16)))))))`;

/** Builds the guest that passes bodies on. */
export function buildStreamer(): Promise<Uint8Array> {
  return buildComponent(STREAMER, 'http');
}

/** Builds the guest that misbehaves on demand. */
export function buildRogue(): Promise<Uint8Array> {
  return buildComponent(ROGUE, 'http');
}

/** Builds a core module. */
export function buildModule(wat: string): Promise<Uint8Array> {
  return parse(wat);
}

/** Loads a function under a digest that fits, with small limits. */
export function loadGuest(
  bytes: Uint8Array,
  limits: Partial<FunctionLimits> = {},
  onLog: (line: string) => void = () => undefined,
  rest: Partial<Pick<LoadOptions, 'groups' | 'onNotice' | 'env'>> = {},
): Promise<SandboxedFunction> {
  const all = { ...DEFAULT_FUNCTION_LIMITS, startDeadlineMs: 30_000, ...limits };
  return loadFunction({
    bytes,
    digest: sha256(bytes),
    name: 'guest',
    limits: all,
    groups: NO_GROUPS,
    mounts: [],
    env: [],
    answerType: 'application/octet-stream',
    onNotice: () => undefined,
    onLog,
    ...rest,
  });
}

const NEVER: CircuitLimits = { deaths: 1_000_000, windowMs: 1, pauseMs: 1 };

/** Circuits for tests about something else. */
export const NEVER_OPEN: CircuitsLimits = { caller: NEVER, all: NEVER, callers: 1 };

/** What a process is given to load, of a function that is given no files. */
export function bundleOf(kind: Bundle['kind'], bytes: Uint8Array): Bundle {
  return { kind, instances: { kind: 'fresh' }, rules: RULES, mounts: [], scratchBytes: 0, env: [], bytes };
}

/** A program's run that is given nothing. */
export const EMPTY_RUN: CommandRequest = { args: [], env: [], stdin: new Uint8Array(0), mounts: [] };

/** Egress that refuses everything. */
export const NO_EGRESS: Egress = () => Promise.resolve({ error: 'HTTP-request-denied' });

/** What a call is made under when nothing may go out: 20 s, and nobody who ends it. */
export const CLOSED_TERMS: CallTerms = {
  deadlineMs: 20_000,
  egress: NO_EGRESS,
  sockets: NO_SOCKET_EGRESS,
  whenGone: NEVER_GONE,
  caller: '',
};

/** Posts text to a function; 20 s unless said, because tests run beside each other. */
export function post(
  f: SandboxedFunction,
  body: string,
  options: { readonly deadlineMs?: number; readonly egress?: Egress; readonly caller?: string } = {},
): Promise<FunctionResponse> {
  const request = {
    method: 'POST',
    path: '/there?a=b',
    authority: 'worker.test',
    headers: [['content-type', 'text/plain']] as const,
    body: new TextEncoder().encode(body),
  };
  return f.call(request, { ...CLOSED_TERMS, ...options });
}

/** Decodes a body. */
export function textOf(response: FunctionResponse): string {
  return new TextDecoder().decode(wholeOf(response.body));
}
