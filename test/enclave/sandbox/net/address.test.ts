/** What an address is decides whether it stays inside the call; each row differs from its neighbour in one part. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatIp,
  isLoopback,
  isMapped,
  isSameIp,
  isUnicast,
  parseIp,
} from '../../../../src/enclave/sandbox/net/address.ts';
import { ip } from './kit.ts';

describe('addresses', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['126.255.255.255', false],
    ['128.0.0.1', false],
    ['0.0.0.0', false],
    ['::1', true],
    ['::2', false],
    ['::', false],
    ['::ffff:127.0.0.1', false],
    ['::127.0.0.1', false],
    ['64:ff9b::7f00:1', false],
    ['1::1', false],
  ])('%s is loopback: %s', (text, expected) => {
    expect(isLoopback(ip(text))).toBe(expected);
  });

  it.each([
    ['223.255.255.255', true],
    ['224.0.0.1', false],
    ['239.255.255.255', false],
    ['240.0.0.1', true],
    ['255.255.255.254', true],
    ['255.255.255.255', false],
    ['fe80::1', true],
    ['ff00::1', false],
    ['ffff::1', false],
  ])('%s is unicast: %s', (text, expected) => {
    expect(isUnicast(ip(text))).toBe(expected);
  });

  it.each([
    ['::ffff:1.2.3.4', true],
    ['::fffe:1.2.3.4', false],
    ['1::ffff:1.2.3.4', false],
    ['::1.2.3.4', false],
  ])('%s is mapped: %s', (text, expected) => {
    expect(isMapped(ip(text))).toBe(expected);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '0x7f.0.0.1',
    '2130706433',
    '::1%lo',
    '[::1]',
    ':::',
    '1:2:3:4:5:6:7',
    'a.b',
  ])('%j is no address', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('come back from their text', () => {
    const v4 = fc
      .array(fc.nat(255), { minLength: 4, maxLength: 4 })
      .map((parts) => ({ family: 'ipv4', parts }) as const);
    const v6 = fc
      .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
      .map((parts) => ({ family: 'ipv6', parts }) as const);
    fc.assert(fc.property(fc.oneof(v4, v6), (address) => isSameIp(ip(formatIp(address)), address)));
    for (const text of ['::', '::1', '1::', '1::8', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '64:ff9b::1.2.3.4']) {
      expect(new URL(`http://[${formatIp(ip(text))}]/`).hostname).toBe(new URL(`http://[${text}]/`).hostname);
    }
  });
});
