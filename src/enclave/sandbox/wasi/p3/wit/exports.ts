/** What a WASI 0.3 function exports for the host to call, in WIT. [WASI 0.3.0] */
export const EXPORTS_WIT_3 = `
interface wasi:cli/run@0.3 { run: async func() -> result; }
interface wasi:http/handler@0.3 {
  use wasi:http/types@0.3.{request, response, error-code};
  handle: async func(request: request) -> result<response, error-code>;
}
`;
