import { describe, expect, it } from 'vitest';
import { findAnswer } from '../../bench/load-client.ts';

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nconnection: keep-alive\r\n\r\nhello\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n';
const EMPTY = 'HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';

describe('the end of an answer', () => {
  it.each([
    ['a length', LENGTH, 'HTTP/1.1 200 OK'],
    ['chunks', CHUNKED, 'HTTP/1.1 200 OK'],
    ['no chunk but the last', EMPTY, 'HTTP/1.1 500 No'],
  ])('is found by %s, and not before the last byte is there', (_, answer, status) => {
    const bytes = Buffer.from(answer);
    expect(findAnswer(Buffer.concat([bytes, bytes]))).toEqual({ status, end: bytes.length });
    expect(findAnswer(bytes)).toEqual({ status, end: bytes.length });
    expect(findAnswer(bytes.subarray(0, -1))).toBeNull();
  });
});
