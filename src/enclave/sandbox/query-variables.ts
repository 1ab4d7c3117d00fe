/**
 * What a program is told of the query that it answers, as environment variables with CGI's names: five, and no others. Headers are not among
 * them but for the type, so that none can pass for a variable that a program trusts (`HTTP_PROXY`). [RFC 3875 4.1]
 */
import type { FunctionRequest } from './sandbox.ts';

/** Gives the variables of a query with so many bytes of body, in a fixed order; the path is as it was asked, and nothing in it is decoded. */
export function queryVariables(
  request: FunctionRequest,
  bodyBytes: number,
): readonly (readonly [name: string, value: string])[] {
  const { method, path, headers } = request;
  const split = path.indexOf('?');
  const type = headers.find(([name]) => name === 'content-type')?.[1];
  return [
    ['REQUEST_METHOD', method],
    ['PATH_INFO', split < 0 ? path : path.slice(0, split)],
    ['QUERY_STRING', split < 0 ? '' : path.slice(split + 1)],
    ['CONTENT_LENGTH', String(bodyBytes)],
    ...(type === undefined ? [] : ([['CONTENT_TYPE', type]] as const)),
  ];
}
