/** How the image keeps its address: the image's own client against a played server, hours of a played clock in a moment. [RFC 2131 4.4] */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { skipUnless } from '../../skips.ts';
import { HAS_COMPILER, openWorkshop, SANITIZED } from './compile.ts';

const test = skipUnless(HAS_COMPILER, 'no C compiler is here');
const workshop = openWorkshop();
afterAll(() => workshop.remove());

/** The calls of the system that the test plays. */
const PLAYED = ['socket', 'setsockopt', 'bind', 'sendto', 'recv'].map((name) => `-Wl,--wrap=${name}`);
let program: string | null = null;

/** What the client does in so many seconds, a line each. */
function play(server: string, seconds: number): readonly string[] {
  const sources = ['lease.c', 'dhcp.c', join(import.meta.dirname, 'lease-play.c')];
  program ??= workshop.compile('lease-play', sources, [...SANITIZED, ...PLAYED]);
  return execFileSync(program, [server, String(seconds)])
    .toString()
    .trim()
    .split('\n');
}

const FIRST = ['0 discover of all', '0 request of all', '0 has 15'];

describe('the lease of the image', () => {
  test('is asked for, and renewed with its server at half of its time', () => {
    expect(play('confirms', 4000)).toEqual([
      ...FIRST,
      '1800 request again of the server',
      '3600 request again of the server',
    ]);
  });

  test('is taken from nobody who does not know the conversation', () => {
    expect(play('strangers', 100)).toEqual(FIRST);
  });

  test('is asked for less and less often while nobody answers', () => {
    const lines = play('absent', 60);
    expect(lines.every((line) => line.endsWith('discover of all'))).toBe(true);
    expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual([0, 0, 1, 3, 7, 15, 31, 47]);
  });

  test('is renewed with any server in its last eighth, and given up when it is over', () => {
    const lines = play('silent', 3700);
    const renewals = lines.filter((line) => line.includes('again'));
    expect(renewals[0]).toBe('1800 request again of the server');
    const late = renewals.filter((line) => Number(line.split(' ')[0]) > 3600 - 450);
    expect(late.length).toBeGreaterThan(1);
    expect(late.every((line) => line.endsWith('of all'))).toBe(true);
    expect(renewals.length).toBeLessThan(12);
    const end = lines.indexOf('3600 gives up its address');
    expect(lines.slice(end - 1, end + 4)).toEqual([
      '3600 says the address was not renewed',
      '3600 gives up its address',
      ...FIRST.map((line) => line.replace(/^0/, '3600')),
    ]);
  });

  test('is given up at once when the server refuses it, and another one is asked for', () => {
    expect(play('refuses', 1900)).toEqual([
      ...FIRST,
      '1800 request again of the server',
      '1800 gives up its address',
      ...FIRST.map((line) => line.replace(/^0/, '1800')),
    ]);
  });

  test('follows the server to another address', () => {
    expect(play('moves', 1900)).toEqual([...FIRST, '1800 request again of the server', '1800 has 16']);
  });
});
