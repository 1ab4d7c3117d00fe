/** The types of wasi:http, in WIT. Functions behind a feature gate are left out. [WASI 0.2.12] */
export const HTTP_WIT = `
interface wasi:http/types {
  use wasi:io/streams.{input-stream, output-stream};
  use wasi:io/error.{error};
  use wasi:io/poll.{pollable};
  variant method { get, head, post, put, delete, connect, options, trace, patch, other(string) }
  variant scheme { HTTP, HTTPS, other(string) }
  record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
  record TLS-alert-received-payload { alert-id: option<u8>, alert-message: option<string> }
  record field-size-payload { field-name: option<string>, field-size: option<u32> }
  variant error-code {
    DNS-timeout, DNS-error(DNS-error-payload), destination-not-found, destination-unavailable,
    destination-IP-prohibited, destination-IP-unroutable, connection-refused, connection-terminated,
    connection-timeout, connection-read-timeout, connection-write-timeout, connection-limit-reached,
    TLS-protocol-error, TLS-certificate-error, TLS-alert-received(TLS-alert-received-payload), HTTP-request-denied,
    HTTP-request-length-required, HTTP-request-body-size(option<u64>), HTTP-request-method-invalid,
    HTTP-request-URI-invalid, HTTP-request-URI-too-long, HTTP-request-header-section-size(option<u32>),
    HTTP-request-header-size(option<field-size-payload>), HTTP-request-trailer-section-size(option<u32>),
    HTTP-request-trailer-size(field-size-payload), HTTP-response-incomplete,
    HTTP-response-header-section-size(option<u32>), HTTP-response-header-size(field-size-payload),
    HTTP-response-body-size(option<u64>), HTTP-response-trailer-section-size(option<u32>),
    HTTP-response-trailer-size(field-size-payload), HTTP-response-transfer-coding(option<string>),
    HTTP-response-content-coding(option<string>), HTTP-response-timeout, HTTP-upgrade-failed, HTTP-protocol-error,
    loop-detected, configuration-error, internal-error(option<string>)
  }
  http-error-code: func(err: borrow<error>) -> option<error-code>;
  variant header-error { invalid-syntax, forbidden, immutable }
  resource fields {
    constructor();
    from-list: static func(entries: list<tuple<string, list<u8>>>) -> result<fields, header-error>;
    get: func(name: string) -> list<list<u8>>;
    has: func(name: string) -> bool;
    set: func(name: string, value: list<list<u8>>) -> result<_, header-error>;
    delete: func(name: string) -> result<_, header-error>;
    append: func(name: string, value: list<u8>) -> result<_, header-error>;
    entries: func() -> list<tuple<string, list<u8>>>;
    clone: func() -> fields;
  }
  resource future-trailers {
    subscribe: func() -> pollable;
    get: func() -> option<result<result<option<fields>, error-code>>>;
  }
  resource incoming-body {
    stream: func() -> result<input-stream>;
    finish: static func(this: incoming-body) -> future-trailers;
  }
  resource incoming-request {
    method: func() -> method;
    path-with-query: func() -> option<string>;
    scheme: func() -> option<scheme>;
    authority: func() -> option<string>;
    headers: func() -> fields;
    consume: func() -> result<incoming-body>;
  }
  resource outgoing-body {
    write: func() -> result<output-stream>;
    finish: static func(this: outgoing-body, trailers: option<fields>) -> result<_, error-code>;
  }
  resource outgoing-request {
    constructor(headers: fields);
    body: func() -> result<outgoing-body>;
    method: func() -> method;
    set-method: func(method: method) -> result;
    path-with-query: func() -> option<string>;
    set-path-with-query: func(path-with-query: option<string>) -> result;
    scheme: func() -> option<scheme>;
    set-scheme: func(scheme: option<scheme>) -> result;
    authority: func() -> option<string>;
    set-authority: func(authority: option<string>) -> result;
    headers: func() -> fields;
  }
  resource request-options {
    constructor();
    connect-timeout: func() -> option<u64>;
    set-connect-timeout: func(duration: option<u64>) -> result;
    first-byte-timeout: func() -> option<u64>;
    set-first-byte-timeout: func(duration: option<u64>) -> result;
    between-bytes-timeout: func() -> option<u64>;
    set-between-bytes-timeout: func(duration: option<u64>) -> result;
  }
  resource outgoing-response {
    constructor(headers: fields);
    status-code: func() -> u16;
    set-status-code: func(status-code: u16) -> result;
    headers: func() -> fields;
    body: func() -> result<outgoing-body>;
  }
  resource response-outparam {
    set: static func(param: response-outparam, response: result<outgoing-response, error-code>);
  }
  resource incoming-response {
    status: func() -> u16;
    headers: func() -> fields;
    consume: func() -> result<incoming-body>;
  }
  resource future-incoming-response {
    subscribe: func() -> pollable;
    get: func() -> option<result<result<incoming-response, error-code>>>;
  }
}
interface wasi:http/outgoing-handler {
  use wasi:http/types.{outgoing-request, request-options, future-incoming-response, error-code};
  handle: func(request: outgoing-request, options: option<request-options>)
    -> result<future-incoming-response, error-code>;
}
`;
