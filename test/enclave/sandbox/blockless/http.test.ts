/** blockless_http: requests go out as they were written, and nothing that a guest says or points at does more than give a number. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { encodeUtf8 } from '../../../../src/base/bytes.ts';
import { LIMITS } from '../../../../src/base/limits.ts';
import { openBlocklessHttp } from '../../../../src/enclave/sandbox/blockless/http.ts';
import { HTTP_ERROR } from '../../../../src/enclave/sandbox/blockless/http-error.ts';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';
import type { EgressAnswer, EgressRequest } from '../../../../src/enclave/sandbox/sandbox.ts';
import { Preview1Memory } from '../../../../src/enclave/sandbox/wasi/preview1-memory.ts';

const ANSWER: EgressAnswer = {
  status: 203,
  headers: [
    ['content-type', 'text/plain'],
    ['x-name', 'M\u00fcller'],
  ],
  body: encodeUtf8('from outside'),
};
/** Places in the guest's memory, which has one page. */
const [URL_AT, OPTIONS_AT, NAME_AT, OUT, ROOM] = [1024, 8192, 32_768, 16, 40_000];
const PAGE = 65_536;

function openGuest(answer: EgressAnswer = ANSWER, leftBytes = 1000) {
  const memory = new ENGINE.Memory({ initial: 1 });
  const bound = new Preview1Memory();
  bound.bind(memory);
  const asked: EgressRequest[] = [];
  const exceeded = vi.fn();
  const egress = (request: EgressRequest): Promise<EgressAnswer> => {
    asked.push(request);
    return Promise.resolve(answer);
  };
  const http = openBlocklessHttp({ egress, exceeded, forRequests: { leftBytes } }, bound);
  const put = (at: number, text: string): number => {
    const bytes = encodeUtf8(text);
    new Uint8Array(memory.buffer).set(bytes, at);
    return bytes.length;
  };
  const u32 = (at: number): number => new DataView(memory.buffer).getUint32(at, true);
  const textOf = (at: number, length: number): string => Buffer.from(memory.buffer, at, length).toString('latin1');
  const request = (url: string, options: unknown): Promise<number> =>
    http.http_req(
      URL_AT,
      put(URL_AT, url),
      OPTIONS_AT,
      put(OPTIONS_AT, typeof options === 'string' ? options : JSON.stringify(options)),
      OUT,
      OUT + 4,
    );
  const header = (handle: number, name: string, length = 1000): number =>
    http.http_read_header(handle, NAME_AT, put(NAME_AT, name), ROOM, length, OUT + 8);
  return { http, asked, exceeded, put, u32, textOf, request, header };
}

const GET = { method: 'GET', connectTimeout: 30, readTimeout: 30, headers: '{}', body: null };
const URL = 'https://api.example.com/v1?q=1';

describe('a request', () => {
  it('goes out as it was written, and its answer is read by a handle', async () => {
    const guest = openGuest();
    const headers = JSON.stringify({ Accept: 'text/plain', 'X-Id': '7' });
    expect(await guest.request(URL, { ...GET, method: 'post', headers, body: 'hé' })).toBe(0);
    expect(guest.asked).toEqual([
      {
        method: 'POST',
        scheme: 'https',
        authority: 'api.example.com',
        path: '/v1?q=1',
        headers: [
          ['accept', 'text/plain'],
          ['x-id', '7'],
        ],
        body: encodeUtf8('hé'),
      },
    ]);
    const handle = guest.u32(OUT);
    expect(guest.u32(OUT + 4)).toBe(203);
    const read = (length: number): string => {
      expect(guest.http.http_read_body(handle, ROOM, length, OUT + 8)).toBe(0);
      return guest.textOf(ROOM, guest.u32(OUT + 8));
    };
    expect([read(5), read(100), read(100)]).toEqual(['from ', 'outside', '']);
    expect(guest.header(handle, 'Content-Type')).toBe(0);
    expect(guest.textOf(ROOM, guest.u32(OUT + 8))).toBe('text/plain');
    expect(guest.header(handle, 'x-name', 2)).toBe(0);
    expect(guest.textOf(ROOM, guest.u32(OUT + 8))).toBe('M\u00fc');
    expect(guest.header(handle, 'x-other')).toBe(HTTP_ERROR.headerNotFound);
    expect(guest.http.http_close(handle)).toBe(0);
    expect(guest.http.http_close(handle)).toBe(HTTP_ERROR.invalidHandle);
    expect(guest.http.http_read_body(handle, ROOM, 1, OUT)).toBe(HTTP_ERROR.invalidHandle);
    expect(guest.header(handle, 'x-name')).toBe(HTTP_ERROR.invalidHandle);
  });

  it.each([
    ['https://a.example', 'https a.example /'],
    ['HTTP://a.example:8080?x#y', 'http a.example:8080 /?x'],
    // Whether these are allowed is for the gate; here nothing is repaired.
    ['https://a.example/b/../c//d', 'https a.example /b/../c//d'],
    ['https://a.example@evil.test/', 'https a.example@evil.test /'],
    ['file:///etc/passwd', 'file  /etc/passwd'],
    ['https://a.example\\@evil.test/', 'https a.example\\@evil.test /'],
  ])('keeps %s as it is', async (url, expected) => {
    const guest = openGuest();
    expect(await guest.request(url, GET)).toBe(0);
    expect(guest.asked.map((r) => `${r.scheme} ${r.authority} ${r.path}`)).toEqual([expected]);
  });

  it.each<[string, string, unknown, number]>([
    ['a URL without a scheme', 'a.example/', GET, HTTP_ERROR.invalidUrl],
    ['a URL with a blank', 'https://a.example/ b', GET, HTTP_ERROR.invalidUrl],
    ['a URL with a line end', 'https://a.example/\r\nx: y', GET, HTTP_ERROR.invalidUrl],
    ['a URL in other letters', 'https://münchen.example/', GET, HTTP_ERROR.invalidUrl],
    ['a URL over the cap', `https://a.example/${'a'.repeat(LIMITS.requestHeadBytes)}`, GET, HTTP_ERROR.utf8],
    ['options that are no JSON', URL, '{', HTTP_ERROR.request],
    ['options that are a list', URL, '[]', HTTP_ERROR.request],
    ['no method', URL, { headers: '{}' }, HTTP_ERROR.request],
    ['a method with a line end', URL, { ...GET, method: 'GET\r\n' }, HTTP_ERROR.invalidMethod],
    ['a body that is no text', URL, { ...GET, body: 7 }, HTTP_ERROR.request],
    ['headers that are no text', URL, { ...GET, headers: {} }, HTTP_ERROR.headersValidation],
    ['headers that are no JSON', URL, { ...GET, headers: 'x: y' }, HTTP_ERROR.headersValidation],
    ['a header with a blank', URL, { ...GET, headers: '{"a b":"c"}' }, HTTP_ERROR.headersValidation],
    ['a header value with a line end', URL, { ...GET, headers: '{"a":"b\\r\\nc: d"}' }, HTTP_ERROR.headersValidation],
    ['a header value that is no text', URL, { ...GET, headers: '{"a":1}' }, HTTP_ERROR.headersValidation],
    [
      'too many headers',
      URL,
      { ...GET, headers: JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, '']))) },
      HTTP_ERROR.headersValidation,
    ],
  ])('with %s is an error number, and nothing goes out', async (_, url, options, expected) => {
    const guest = openGuest();
    expect(await guest.request(url, options)).toBe(expected);
    expect(guest.asked).toEqual([]);
  });

  it('needs no headers and no body', async () => {
    const guest = openGuest();
    expect(await guest.request(URL, { method: 'GET' })).toBe(0);
    expect(guest.asked[0]).toMatchObject({ headers: [], body: new Uint8Array(0) });
  });

  it.each([
    ['HTTP-request-denied', HTTP_ERROR.permissionDenied],
    ['HTTP-request-URI-invalid', HTTP_ERROR.invalidUrl],
    ['HTTP-request-method-invalid', HTTP_ERROR.invalidMethod],
    ['connection-limit-reached', HTTP_ERROR.tooManySessions],
    ['DNS-error', HTTP_ERROR.runtime],
    ['anything else', HTTP_ERROR.runtime],
  ])('that ends with %s is the error %i', async (error, expected) => {
    expect(await openGuest({ error }).request(URL, GET)).toBe(expected);
  });

  it('may send no more than the call may, in all requests together', async () => {
    const guest = openGuest(ANSWER, 10);
    expect(await guest.request(URL, { ...GET, body: '123456' })).toBe(0);
    expect(await guest.request(URL, { ...GET, body: '1234' })).toBe(0);
    expect(guest.exceeded).not.toHaveBeenCalled();
    expect(await guest.request(URL, { ...GET, body: '1' })).toBe(HTTP_ERROR.request);
    expect(guest.exceeded).toHaveBeenCalledTimes(1);
    expect(guest.asked).toHaveLength(2);
  });

  it('is refused while too many answers are not closed, and not afterwards', async () => {
    const guest = openGuest();
    for (let i = 0; i < LIMITS.guestSessions; i++) expect(await guest.request(URL, GET)).toBe(0);
    expect(await guest.request(URL, GET)).toBe(HTTP_ERROR.tooManySessions);
    expect(guest.http.http_close(guest.u32(OUT) || 1)).toBe(0);
    expect(await guest.request(URL, GET)).toBe(0);
    expect(guest.asked).toHaveLength(LIMITS.guestSessions + 1);
  });
});

describe('pointers', () => {
  it('outside of the memory are an error number, and nothing goes out', async () => {
    const guest = openGuest();
    const url = guest.put(URL_AT, URL);
    const options = guest.put(OPTIONS_AT, JSON.stringify(GET));
    const wrong: readonly (readonly number[])[] = [
      [PAGE, 1, OPTIONS_AT, options, OUT, OUT + 4],
      [URL_AT, PAGE, OPTIONS_AT, options, OUT, OUT + 4],
      [-1, 1, OPTIONS_AT, options, OUT, OUT + 4],
      [URL_AT, url, OPTIONS_AT, -1, OUT, OUT + 4],
      [URL_AT, url, OPTIONS_AT, options, PAGE - 3, OUT],
      [URL_AT, url, OPTIONS_AT, options, OUT, PAGE - 3],
    ];
    for (const args of wrong) expect(await guest.http.http_req(...args)).toBe(HTTP_ERROR.memoryAccess);
    expect(guest.asked).toEqual([]);
    expect(await guest.http.http_req(URL_AT, url, OPTIONS_AT, options, PAGE - 8, PAGE - 4)).toBe(0);
    const handle = guest.u32(PAGE - 8);
    expect(guest.http.http_read_body(handle, PAGE - 4, 5, OUT)).toBe(HTTP_ERROR.memoryAccess);
    expect(guest.http.http_read_body(handle, ROOM, 5, PAGE)).toBe(HTTP_ERROR.memoryAccess);
    // What could not be given is not lost.
    expect(guest.http.http_read_body(handle, ROOM, 5, OUT)).toBe(0);
    expect(guest.textOf(ROOM, 5)).toBe('from ');
  });

  it('and everything else of any kind give a number that the interface has', async () => {
    const known = new Set<number>(Object.values(HTTP_ERROR));
    const number = fc.oneof(fc.constantFrom(0, -1, OUT, URL_AT, OPTIONS_AT, PAGE, PAGE - 1, 2 ** 31), fc.integer());
    const guest = openGuest(ANSWER, 2 ** 40);
    guest.put(URL_AT, URL);
    guest.put(OPTIONS_AT, JSON.stringify(GET));
    await fc.assert(
      fc.asyncProperty(fc.array(number, { maxLength: 7 }), async (args) => {
        expect(known).toContain(await guest.http.http_req(...args));
        expect(known).toContain(guest.http.http_read_header(...args));
        expect(known).toContain(guest.http.http_read_body(...args));
        expect(known).toContain(guest.http.http_close(...args));
      }),
      { numRuns: 1000 },
    );
  });
});
