/** What the image's DHCP client believes: whole answers to its own question that make sense, and nothing else. The server is the operator's. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { skipUnless } from '../../skips.ts';
import { HAS_COMPILER, openWorkshop, SANITIZED } from './compile.ts';

const test = skipUnless(HAS_COMPILER, 'no C compiler is here');
const workshop = openWorkshop();
afterAll(() => workshop.remove());

let compiled: { readonly once: string; readonly fuzz: string } | null = null;
function programs(): { readonly once: string; readonly fuzz: string } {
  const build = (name: string): string =>
    workshop.compile(name, ['dhcp.c', join(import.meta.dirname, `${name}.c`)], SANITIZED);
  compiled ??= { once: build('dhcp-once'), fuzz: build('dhcp-fuzz') };
  return compiled;
}

type Options = Readonly<Record<number, readonly number[]>>;
const ADDRESS = [10, 0, 2, 15];
const GOOD: Options = {
  53: [2],
  54: [10, 0, 2, 2],
  51: [0, 0, 14, 16],
  1: [255, 255, 255, 0],
  3: [10, 0, 2, 2, 10, 0, 2, 9],
  6: [10, 0, 2, 3, 8, 8, 8, 8],
  // Options that nobody asked for are passed over.
  15: [0x61, 0x62],
  121: [0, 10, 0, 2, 2],
};
const number = (bytes: readonly number[]): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
const LEASE = {
  type: 2,
  address: number(ADDRESS),
  mask: 0xffffff00,
  router: number([10, 0, 2, 2]),
  server: number([10, 0, 2, 2]),
  seconds: 3600,
  dns: [number([10, 0, 2, 3]), number([8, 8, 8, 8])],
};

/** Writes an answer to the client with these options. */
function answer(options: Options, head: Readonly<Record<number, readonly number[]>> = {}): Uint8Array {
  const message = new Uint8Array(240);
  const fixed = {
    0: [2, 1, 6],
    4: [0x12, 0x34, 0x56, 0x78],
    16: ADDRESS,
    28: [2, 0, 0, 0, 0, 1],
    236: [99, 130, 83, 99],
    ...head,
  };
  for (const [at, bytes] of Object.entries(fixed)) message.set(bytes, Number(at));
  const rest = Object.entries(options).flatMap(([code, bytes]) => [Number(code), bytes.length, ...bytes]);
  return Uint8Array.of(...message, ...rest, 255);
}

const read = (message: Uint8Array): unknown => JSON.parse(execFileSync(programs().once, { input: message }).toString());
const NONE = { type: 0 };

describe('the DHCP client of the image', () => {
  test('takes an answer that is whole', () => {
    expect(read(answer(GOOD))).toEqual(LEASE);
    expect(read(answer({ ...GOOD, 53: [5] }))).toEqual({ ...LEASE, type: 5 });
    expect(read(answer({ 53: [6] }))).toEqual({ type: 6 });
  });

  test('does without a router and name servers, and takes three name servers at most', () => {
    const { 3: _router, 6: _servers, ...bare } = GOOD;
    expect(read(answer(bare))).toEqual({ ...LEASE, router: 0, dns: [] });
    expect(read(answer({ ...GOOD, 6: Array.from({ length: 40 }, () => 9) }))).toMatchObject({
      dns: [151587081, 151587081, 151587081],
    });
  });

  test('keeps a lease between a minute and a week', () => {
    expect(read(answer({ ...GOOD, 51: [0, 0, 0, 1] }))).toMatchObject({ seconds: 60 });
    expect(read(answer({ ...GOOD, 51: [255, 255, 255, 255] }))).toMatchObject({ seconds: 604_800 });
  });

  const WRONG: Readonly<Record<string, Uint8Array>> = {
    'is a question': answer(GOOD, { 0: [1, 1, 6] }),
    'is for another network': answer(GOOD, { 0: [2, 6, 6] }),
    'is for another conversation': answer(GOOD, { 4: [0x12, 0x34, 0x56, 0x79] }),
    'is for another machine': answer(GOOD, { 28: [2, 0, 0, 0, 0, 2] }),
    'is no DHCP': answer(GOOD, { 236: [99, 130, 83, 98] }),
    'is cut in its head': answer(GOOD).subarray(0, 239),
    'is cut in an option': answer(GOOD).subarray(0, -4),
    'has no end': answer(GOOD).subarray(0, -1),
    'is too long': Uint8Array.of(...answer(GOOD), ...new Uint8Array(1500)),
    'has no type': answer({ ...GOOD, 53: [] }),
    'is of another type': answer({ ...GOOD, 53: [4] }),
    'has an option twice': Uint8Array.of(...answer(GOOD).subarray(0, -1), 54, 4, 10, 0, 2, 7, 255),
    'has no lease time': answer({ ...GOOD, 51: [0, 0, 0, 0] }),
    'has a lease time of two bytes': answer({ ...GOOD, 51: [14, 16] }),
    'gives no address': answer(GOOD, { 16: [0, 0, 0, 0] }),
    'gives the address of loopback': answer(GOOD, { 16: [127, 0, 0, 1] }),
    'gives an address of many': answer(GOOD, { 16: [224, 0, 0, 1] }),
    'gives a mask with a hole': answer({ ...GOOD, 1: [255, 0, 255, 0] }),
    'gives a mask that covers everything': answer({ ...GOOD, 1: [0, 0, 0, 0] }),
    'has no mask': answer({ ...GOOD, 1: [] }),
    'comes from loopback': answer({ ...GOOD, 54: [127, 0, 0, 1] }),
    'has a router that is the machine itself': answer({ ...GOOD, 3: ADDRESS }),
    'has a router of loopback': answer({ ...GOOD, 3: [127, 0, 0, 1] }),
    'has half a router': answer({ ...GOOD, 3: [10, 0] }),
    'has a name server on this machine': answer({ ...GOOD, 6: [127, 0, 0, 53] }),
    'has half a name server': answer({ ...GOOD, 6: [10, 0, 2, 3, 8] }),
  };
  for (const [what, message] of Object.entries(WRONG))
    test(`passes over an answer that ${what}`, () => expect(read(message)).toEqual(NONE));

  test('asks as RFC 2131 says: with the broadcast flag before it has an address, and with the address after', () => {
    const write = (...args: string[]): Uint8Array => Uint8Array.from(execFileSync(programs().once, args));
    const [discover, request, renewal] = [write('1'), write('3'), write('3', 'has')];
    expect([discover, request, renewal].map((message) => message.length)).toEqual([300, 300, 300]);
    expect([...discover.subarray(0, 44)]).toEqual([
      ...Uint8Array.of(1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0),
      ...Array.from({ length: 16 }, () => 0),
      ...Uint8Array.of(2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    ]);
    expect([...request.subarray(240, 255)]).toEqual([53, 1, 3, 50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2]);
    expect([...renewal.subarray(10, 16)]).toEqual([0, 0, 10, 0, 2, 15]);
    expect([...renewal.subarray(240, 244)]).toEqual([53, 1, 3, 55]);
  });

  test('survives 20,000 hostile answers under every check of memory, and accepts only what a lease may be', () => {
    for (const seed of ['7', '77'])
      expect(Number(execFileSync(programs().fuzz, ['10000', seed]).toString())).toBeGreaterThan(100);
  });
});
