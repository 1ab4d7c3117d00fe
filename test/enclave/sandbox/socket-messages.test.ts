/** What is said in frames about sockets: it round-trips, and what a child may not say gives null; each case differs from a good one in one field. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Head } from '../../../src/enclave/sandbox/frame-head.ts';
import {
  parseConnect,
  parseConnectAnswer,
  parseLookup,
  parseLookupAnswer,
  writeConnect,
  writeConnectAnswer,
  writeLookup,
  writeLookupAnswer,
} from '../../../src/enclave/sandbox/socket-messages.ts';
import { at, ip } from './net/kit.ts';

describe('what a child asks of sockets', () => {
  it('is read as it was written', () => {
    expect(parseLookup(writeLookup(7, 'db.example.com'))).toEqual({
      type: 'lookup',
      number: 7,
      name: 'db.example.com',
    });
    expect(parseConnect(writeConnect(7, at('192.0.2.1', 5432)))).toEqual({
      type: 'connect',
      number: 7,
      address: '192.0.2.1',
      port: 5432,
    });
    expect(parseConnect(writeConnect(7, at('::1', 1)))).toMatchObject({ address: '0:0:0:0:0:0:0:1' });
  });

  it.each<[string, Head]>([
    ['number 0, which is the call’s own', { number: 0, name: 'a' }],
    ['no number', { name: 'a' }],
    ['a number that is text', { number: '7', name: 'a' }],
    ['a name that is none', { number: 7, name: 7 }],
    ['a name that is too long', { number: 7, name: 'a'.repeat(254) }],
    ['another key', { number: 7, name: 'a', more: 1 }],
    ['a list', [7, 'a']],
  ])('is no lookup with %s', (_, head) => {
    expect(parseLookup({ number: 7, name: 'a'.repeat(253) })).not.toBeNull();
    expect(parseLookup(head)).toBeNull();
  });

  it.each<[string, Head]>([
    ['number 0', { number: 0, address: '192.0.2.1', port: 1 }],
    ['port 0', { number: 7, address: '192.0.2.1', port: 0 }],
    ['a port that is none', { number: 7, address: '192.0.2.1', port: 65_536 }],
    ['a name for an address', { number: 7, address: 'db.example.com', port: 1 }],
    ['an address in an unusual spelling', { number: 7, address: '0300.0.2.1', port: 1 }],
    ['a zone', { number: 7, address: 'fe80::1%lo', port: 1 }],
    ['another key', { number: 7, address: '192.0.2.1', port: 1, host: 'a' }],
    ['nothing', null],
  ])('is no connection with %s', (_, head) => {
    expect(parseConnect({ number: 7, address: '192.0.2.1', port: 65_535 })).not.toBeNull();
    expect(parseConnect(head)).toBeNull();
  });

  it('is read or null, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const parse of [parseLookup, parseConnect]) {
          const parsed = parse(value as Head);
          if (parsed !== null) expect(parsed.number).toBeGreaterThan(0);
        }
      }),
    );
  });
});

describe('what a gate answers of sockets', () => {
  it('is read as it was written', () => {
    expect(parseLookupAnswer(writeLookupAnswer(7, ['192.0.2.1', '2001:db8::1']))).toEqual({
      number: 7,
      answer: [ip('192.0.2.1'), ip('2001:db8::1')],
    });
    expect(parseLookupAnswer(writeLookupAnswer(7, { error: 'access-denied' }))).toEqual({
      number: 7,
      answer: 'access-denied',
    });
    expect(parseConnectAnswer(writeConnectAnswer(7, null))).toEqual({ number: 7, error: null });
    expect(parseConnectAnswer(writeConnectAnswer(7, 'connection-refused'))).toEqual({
      number: 7,
      error: 'connection-refused',
    });
  });

  it('is never nothing, so that no guest waits for ever', () => {
    expect(parseLookupAnswer({ number: 7, addresses: [] })?.answer).toBe('name-unresolvable');
    expect(parseLookupAnswer({ number: 7 })?.answer).toBe('name-unresolvable');
    expect(parseConnectAnswer({ number: 7, error: 'made up' })?.error).toBe('remote-unreachable');
  });
});
