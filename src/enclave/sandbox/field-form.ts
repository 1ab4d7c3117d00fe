/** The form of a header or trailer field: a lower-case token, and a value that may hold a tab, but nothing that ends a line. [RFC 9110 5.1, 5.5] */

export const FIELD_NAME: RegExp = /^[!#$%&'*+.^_`|~0-9a-z-]{1,1024}$/;
export const FIELD_VALUE: RegExp = /^[\t\x20-\x7e\x80-\xff]*$/;
