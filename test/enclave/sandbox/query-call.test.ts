/** Sockets of an instance that answers several queries: their caps are the instance's, their way out is that of the query now. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/base/limits.ts';
import { openGivenFiles } from '../../../src/enclave/sandbox/files/mount.ts';
import { NO_EGRESS } from '../../../src/enclave/sandbox/guest-call.ts';
import { NO_OUTSIDE } from '../../../src/enclave/sandbox/net/outside.ts';
import { QueryCall } from '../../../src/enclave/sandbox/query-call.ts';
import { REAL_SURROUNDINGS } from '../../../src/enclave/sandbox/wasi/surroundings.ts';
import { putFile, readFile } from './files/kit.ts';
import { ip } from './net/kit.ts';

describe('the network of an instance', () => {
  it('leads out only while there is a query, and by its way', async () => {
    const call = new QueryCall(() => [], [], REAL_SURROUNDINGS);
    const begin = (text: string) =>
      call.begin(
        {
          outside: { ...NO_EGRESS, sockets: { ...NO_OUTSIDE, resolve: () => Promise.resolve([ip(text)]) } },
          surroundings: REAL_SURROUNDINGS,
        },
        0,
      );
    expect(await call.network.resolve('x.example')).toBe('access-denied');
    begin('192.0.2.1');
    expect(await call.network.resolve('x.example')).toEqual([ip('192.0.2.1')]);
    call.end();
    expect(await call.network.resolve('x.example')).toBe('access-denied');
    begin('192.0.2.2');
    expect(await call.network.resolve('x.example')).toEqual([ip('192.0.2.2')]);
  });

  it('has no more sockets for having had more queries', () => {
    const call = new QueryCall(() => [], [], REAL_SURROUNDINGS);
    for (let i = 0; i < LIMITS.callSockets; i += 1) {
      call.begin({ outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS }, 0);
      expect(typeof call.network.openUdp('ipv4')).toBe('object');
      call.end();
    }
    call.begin({ outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS }, 0);
    expect(call.network.openUdp('ipv4')).toBe('new-socket-limit');
  });
});

describe('the files of an instance', () => {
  it('are the same for all its queries, but what one query left in its scratch is gone before the next', () => {
    const call = new QueryCall(openGivenFiles([], 1000), [], REAL_SURROUNDINGS);
    const [scratch] = call.mounts;
    if (scratch === undefined) throw new TypeError('no scratch');
    call.begin({ outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS }, 0);
    putFile(scratch.root, 'left', 'of the first query');
    expect(readFile(scratch.root, 'left')).toBe('of the first query');
    call.end();
    call.begin({ outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS }, 0);
    expect(call.mounts[0]).toBe(scratch);
    expect([...scratch.root.entries()]).toEqual([]);
    expect(scratch.root.volume.bytesLeft).toBe(1000);
  });
});
