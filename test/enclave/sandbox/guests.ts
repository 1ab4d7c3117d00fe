/** Guests for the sandbox's tests, as text: one component that misbehaves in the way the first byte of the query says, and small modules. */

import { parse } from '@bytecodealliance/jco';
import { sha256 } from '../../../src/base/digest.ts';
import type { CircuitLimits } from '../../../src/enclave/sandbox/circuit.ts';
import type { CircuitsLimits } from '../../../src/enclave/sandbox/circuits.ts';
import {
  DEFAULT_FUNCTION_LIMITS,
  type FunctionLimits,
  loadFunction,
  type SandboxedFunction,
} from '../../../src/enclave/sandbox/load.ts';
import type { ModuleRules } from '../../../src/enclave/sandbox/prepare-modules.ts';
import type { Egress, FunctionResponse } from '../../../src/enclave/sandbox/sandbox.ts';
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
    (call $put_number (i32.load8_u (i32.const 4))))
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
): Promise<SandboxedFunction> {
  const all = { ...DEFAULT_FUNCTION_LIMITS, startDeadlineMs: 30_000, ...limits };
  return loadFunction({ bytes, digest: sha256(bytes), name: 'guest', limits: all, onNotice: () => undefined, onLog });
}

const NEVER: CircuitLimits = { deaths: 1_000_000, windowMs: 1, pauseMs: 1 };

/** Circuits for tests about something else. */
export const NEVER_OPEN: CircuitsLimits = { caller: NEVER, all: NEVER, callers: 1 };

/** Egress that refuses everything. */
export const NO_EGRESS: Egress = () => Promise.resolve({ error: 'HTTP-request-denied' });

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
  return f.call(request, {
    deadlineMs: options.deadlineMs ?? 20_000,
    egress: options.egress ?? NO_EGRESS,
    sockets: NO_SOCKET_EGRESS,
    whenGone: NEVER_GONE,
    caller: options.caller ?? '',
  });
}

/** Decodes a body. */
export function textOf(response: FunctionResponse): string {
  return new TextDecoder().decode(wholeOf(response.body));
}
