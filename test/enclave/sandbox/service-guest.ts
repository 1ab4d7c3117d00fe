/** A service of WASI 0.3 for tests, around the body of its handler: it passes streams and futures on, and reads none of them itself. */
import { HTTP_WIT_3 } from '../../../src/enclave/sandbox/wasi/p3/wit/http.ts';
import { buildWorld } from './component/kit.ts';

const VERSION = '@0.3.0';

/** The interfaces of the host in one package, with the whole version that a component names. */
const PACKAGE = HTTP_WIT_3.replaceAll('@0.3.', `${VERSION}.`)
  .replaceAll(/interface wasi:http\/(\w+)@0\.3\b/g, 'interface $1')
  .replaceAll(`use wasi:http/types${VERSION}.`, 'use types.');

const WIT = `
world w {
  import wasi:http/types${VERSION};
  import wasi:http/client${VERSION};
  export wasi:http/handler${VERSION};
}
package wasi:clocks${VERSION} { interface types { type duration = u64; } }
package wasi:http${VERSION} {
  ${PACKAGE}
  interface handler {
    use types.{request, response, error-code};
    handle: async func(request: request) -> result<response, error-code>;
  }
}`;

/** Writes the module; memory from 0 to 63 is what functions return into, at 1024 stands the authority that requests go to. */
const write = (handle: string, authority: string): string => `(module
  (import "wasi:http/types${VERSION}" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types${VERSION}" "[method]fields.append"
    (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types${VERSION}" "[static]request.consume-body" (func $consume-request (param i32 i32 i32)))
  (import "wasi:http/types${VERSION}" "[future-new-0][static]request.consume-body" (func $told (result i64)))
  (import "wasi:http/types${VERSION}" "[static]response.consume-body" (func $consume-response (param i32 i32 i32)))
  (import "wasi:http/types${VERSION}" "[method]request.set-authority" (func $to (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types${VERSION}" "[static]response.new" (func $response (param i32 i32 i32 i32 i32)))
  (import "wasi:http/client${VERSION}" "send" (func $send (param i32 i32)))
  (import "[export]wasi:http/handler${VERSION}" "[task-return]handle"
    (func $return (param i32 i32 i32 i64 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "${authority}")
  (data (i32.const 1056) "content-length")
  (data (i32.const 1072) "5")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func $answer (param i32)
    (call $return (i32.const 0) (local.get 0)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  ;; Answers with these headers, and with the body and the trailers that stand at 0.
  (func $pass-on (param $headers i32)
    (call $response (local.get $headers) (i32.const 1) (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 16))
    (call $answer (i32.load (i32.const 16))))
  (func (export "[async-lift]wasi:http/handler${VERSION}#handle") (param $request i32) (result i32) (local $headers i32)
    ${handle}
    (i32.const 0))
  (func (export "[callback][async-lift]wasi:http/handler${VERSION}#handle") (param i32 i32 i32) (result i32) unreachable))`;

const CONSUME = '(call $consume-request (local.get $request) (i32.wrap_i64 (call $told)) (i32.const 0))';

/** What it does with a query: answers with its body and trailers, does so under a length, or has them sent on and answers with what comes back. */
const SERVICES: Readonly<Record<'echo' | 'declaring' | 'relay', string>> = {
  echo: `${CONSUME} (call $pass-on (call $fields))`,
  declaring: `${CONSUME}
    (local.set $headers (call $fields))
    (call $append (local.get $headers)
      (i32.const 1056) (i32.const 14) (i32.const 1072) (i32.const 1) (i32.const 32))
    (call $pass-on (local.get $headers))`,
  relay: `(drop (call $to (local.get $request) (i32.const 1) (i32.const 1024) (i32.const 10)))
    (call $send (local.get $request) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then unreachable))
    (call $answer (i32.load (i32.const 8)))`,
};

/** Builds one of them; what it sends goes to \`there.test\`. */
export function buildService(kind: keyof typeof SERVICES): Promise<Uint8Array> {
  return buildWorld(WIT, write(SERVICES[kind], 'there.test'));
}
