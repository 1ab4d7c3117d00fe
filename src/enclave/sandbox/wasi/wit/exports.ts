/** The types of what a function gives: the answer to a query, and the run of a program. They stand on the other interfaces. [WASI 0.2.12] */
export const EXPORTS_WIT = `
interface wasi:http/incoming-handler {
  use wasi:http/types.{incoming-request, response-outparam};
  handle: func(request: incoming-request, response-out: response-outparam);
}
interface wasi:cli/run {
  run: func() -> result;
}
`;
