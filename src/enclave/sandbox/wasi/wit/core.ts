/** The types of wasi:io, wasi:clocks, wasi:random and wasi:cli, in WIT. Functions behind a feature gate are left out. [WASI 0.2.12] */
export const CORE_WIT = `
interface wasi:io/error { resource error { to-debug-string: func() -> string; } }
interface wasi:io/poll {
  resource pollable { ready: func() -> bool; block: func(); }
  poll: func(in: list<borrow<pollable>>) -> list<u32>;
}
interface wasi:io/streams {
  use wasi:io/error.{error};
  use wasi:io/poll.{pollable};
  variant stream-error { last-operation-failed(error), closed }
  resource input-stream {
    read: func(len: u64) -> result<list<u8>, stream-error>;
    blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
    skip: func(len: u64) -> result<u64, stream-error>;
    blocking-skip: func(len: u64) -> result<u64, stream-error>;
    subscribe: func() -> pollable;
  }
  resource output-stream {
    check-write: func() -> result<u64, stream-error>;
    write: func(contents: list<u8>) -> result<_, stream-error>;
    blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
    flush: func() -> result<_, stream-error>;
    blocking-flush: func() -> result<_, stream-error>;
    subscribe: func() -> pollable;
    write-zeroes: func(len: u64) -> result<_, stream-error>;
    blocking-write-zeroes-and-flush: func(len: u64) -> result<_, stream-error>;
    splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>;
    blocking-splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>;
  }
}
interface wasi:clocks/monotonic-clock {
  use wasi:io/poll.{pollable};
  now: func() -> u64;
  resolution: func() -> u64;
  subscribe-instant: func(when: u64) -> pollable;
  subscribe-duration: func(when: u64) -> pollable;
}
interface wasi:clocks/wall-clock {
  record datetime { seconds: u64, nanoseconds: u32 }
  now: func() -> datetime;
  resolution: func() -> datetime;
}
interface wasi:random/random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
interface wasi:random/insecure {
  get-insecure-random-bytes: func(len: u64) -> list<u8>;
  get-insecure-random-u64: func() -> u64;
}
interface wasi:random/insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
interface wasi:cli/environment {
  get-environment: func() -> list<tuple<string, string>>;
  get-arguments: func() -> list<string>;
  initial-cwd: func() -> option<string>;
}
interface wasi:cli/exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
interface wasi:cli/stdin { use wasi:io/streams.{input-stream}; get-stdin: func() -> input-stream; }
interface wasi:cli/stdout { use wasi:io/streams.{output-stream}; get-stdout: func() -> output-stream; }
interface wasi:cli/stderr { use wasi:io/streams.{output-stream}; get-stderr: func() -> output-stream; }
interface wasi:cli/terminal-input { resource terminal-input; }
interface wasi:cli/terminal-output { resource terminal-output; }
interface wasi:cli/terminal-stdin {
  use wasi:cli/terminal-input.{terminal-input};
  get-terminal-stdin: func() -> option<terminal-input>;
}
interface wasi:cli/terminal-stdout {
  use wasi:cli/terminal-output.{terminal-output};
  get-terminal-stdout: func() -> option<terminal-output>;
}
interface wasi:cli/terminal-stderr {
  use wasi:cli/terminal-output.{terminal-output};
  get-terminal-stderr: func() -> option<terminal-output>;
}
`;
