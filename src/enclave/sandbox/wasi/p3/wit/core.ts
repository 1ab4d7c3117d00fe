/** The types of wasi:clocks, wasi:random and wasi:cli, in WIT. Functions behind a feature gate are left out. [WASI 0.3.0] */
export const CORE_WIT_3 = `
interface wasi:clocks/types@0.3 { type duration = u64; }
interface wasi:clocks/monotonic-clock@0.3 {
  use wasi:clocks/types@0.3.{duration};
  type mark = u64;
  now: func() -> mark;
  get-resolution: func() -> duration;
  wait-until: async func(when: mark);
  wait-for: async func(how-long: duration);
}
interface wasi:clocks/system-clock@0.3 {
  use wasi:clocks/types@0.3.{duration};
  record instant { seconds: s64, nanoseconds: u32 }
  now: func() -> instant;
  get-resolution: func() -> duration;
}
interface wasi:random/random@0.3 {
  get-random-bytes: func(max-len: u64) -> list<u8>;
  get-random-u64: func() -> u64;
}
interface wasi:random/insecure@0.3 {
  get-insecure-random-bytes: func(max-len: u64) -> list<u8>;
  get-insecure-random-u64: func() -> u64;
}
interface wasi:random/insecure-seed@0.3 { get-insecure-seed: func() -> tuple<u64, u64>; }
interface wasi:cli/environment@0.3 {
  get-environment: func() -> list<tuple<string, string>>;
  get-arguments: func() -> list<string>;
  get-initial-cwd: func() -> option<string>;
}
interface wasi:cli/exit@0.3 {
  exit: func(status: result);
  exit-with-code: func(status-code: u8);
}
interface wasi:cli/types@0.3 { enum error-code { io, illegal-byte-sequence, pipe } }
interface wasi:cli/stdin@0.3 {
  use wasi:cli/types@0.3.{error-code};
  read-via-stream: func() -> tuple<stream<u8>, future<result<_, error-code>>>;
}
interface wasi:cli/stdout@0.3 {
  use wasi:cli/types@0.3.{error-code};
  write-via-stream: func(data: stream<u8>) -> future<result<_, error-code>>;
}
interface wasi:cli/stderr@0.3 {
  use wasi:cli/types@0.3.{error-code};
  write-via-stream: func(data: stream<u8>) -> future<result<_, error-code>>;
}
interface wasi:cli/terminal-input@0.3 { resource terminal-input; }
interface wasi:cli/terminal-output@0.3 { resource terminal-output; }
interface wasi:cli/terminal-stdin@0.3 {
  use wasi:cli/terminal-input@0.3.{terminal-input};
  get-terminal-stdin: func() -> option<terminal-input>;
}
interface wasi:cli/terminal-stdout@0.3 {
  use wasi:cli/terminal-output@0.3.{terminal-output};
  get-terminal-stdout: func() -> option<terminal-output>;
}
interface wasi:cli/terminal-stderr@0.3 {
  use wasi:cli/terminal-output@0.3.{terminal-output};
  get-terminal-stderr: func() -> option<terminal-output>;
}
`;
