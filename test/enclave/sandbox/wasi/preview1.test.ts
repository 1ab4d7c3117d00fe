/** What preview1 says of descriptors, rights, listings and polls, where an outside suite does not say it already. */
import { describe, expect, it } from 'vitest';
import { makeDirectory } from '../../../../src/enclave/sandbox/files/names.ts';
import { type DirectoryNode, makeRoot } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { Volume } from '../../../../src/enclave/sandbox/files/volume.ts';
import { countingClock, makeTree, putFile, readFile } from '../files/kit.ts';
import { openTestGuest, type TestGuest } from './preview1-kit.ts';

const [READ, WRITE] = [1n << 1n, 1n << 6n];
const ALL = (1n << 30n) - 1n;
const [BADF, INVAL, NOTDIR, ROFS, SPIPE, NOTCAPABLE] = [8, 28, 54, 69, 70, 76];
const [CREAT, DIRECTORY] = [1, 2];

function guestOf(root: DirectoryNode): TestGuest {
  return openTestGuest({ mounts: [{ path: '/', root }] });
}

/** Opens below descriptor 3; gives the descriptor, or the error number as a negative one. */
function open(guest: TestGuest, path: string, rights = ALL & ~WRITE, oflags = 0): number {
  const errno = guest.errno('path_open', 3, 1, ...guest.put(1000, path), oflags, rights, ALL, 0, 0);
  return errno === 0 ? guest.view.getUint32(0, true) : -errno;
}

/** Writes text by a list of one buffer; gives the error number. */
function write(guest: TestGuest, fd: number, text: string): number {
  const [at, length] = guest.put(2000, text);
  guest.view.setUint32(16, at, true);
  guest.view.setUint32(20, length, true);
  return guest.errno('fd_write', fd, 16, 1, 24);
}

describe('what a program is started with', () => {
  it('is all of its arguments and variables, each with a zero at its end', () => {
    const guest = openTestGuest({
      args: ['prog', 'a b', 'ü'],
      env: [
        ['A', 'b=c'],
        ['E', ''],
      ],
    });
    expect(guest.errno('args_sizes_get', 0, 4)).toBe(0);
    expect([guest.view.getUint32(0, true), guest.view.getUint32(4, true)]).toEqual([3, 12]);
    expect(guest.errno('args_get', 100, 200)).toBe(0);
    expect(new TextDecoder().decode(guest.memory.subarray(200, 212))).toBe('prog\0a b\0ü\0');
    expect([0, 1, 2].map((i) => guest.view.getUint32(100 + 4 * i, true))).toEqual([200, 205, 209]);
    guest.errno('environ_sizes_get', 0, 4);
    expect([guest.view.getUint32(0, true), guest.view.getUint32(4, true)]).toEqual([2, 9]);
    guest.errno('environ_get', 100, 200);
    expect(new TextDecoder().decode(guest.memory.subarray(200, 209))).toBe('A=b=c\0E=\0');
  });

  it('is every directory, from 3 on', () => {
    const [first, second] = [makeTree(), makeTree()];
    const guest = openTestGuest({
      mounts: [
        { path: '/', root: first },
        { path: '/data', root: second },
      ],
    });
    expect([3, 4, 5].map((fd) => guest.errno('fd_prestat_get', fd, 0))).toEqual([0, 0, BADF]);
    guest.errno('fd_prestat_get', 4, 0);
    expect([guest.view.getUint8(0), guest.view.getUint32(4, true)]).toEqual([0, 5]);
    expect(guest.errno('fd_prestat_dir_name', 4, 100, 4)).toBe(37);
    expect(guest.errno('fd_prestat_dir_name', 4, 100, 5)).toBe(0);
    expect(new TextDecoder().decode(guest.memory.subarray(100, 105))).toBe('/data');
  });

  it('is no socket', () => {
    const guest = guestOf(makeTree());
    expect(guest.errno('sock_shutdown', 1, 0)).toBe(57);
    expect(guest.errno('sock_accept', 3, 0, 0)).toBe(57);
    expect(guest.errno('sock_send', 9, 0, 0, 0, 0)).toBe(BADF);
  });
});

describe('a descriptor', () => {
  it('of a standard stream reads or writes, and is no file', () => {
    const guest = openTestGuest({ stdin: 'hello' });
    expect(write(guest, 1, 'out')).toBe(0);
    expect(new TextDecoder().decode(guest.call.stdout.bytes())).toBe('out');
    expect(write(guest, 0, 'in')).toBe(NOTCAPABLE);
    expect(guest.errno('fd_read', 1, 16, 1, 24)).toBe(NOTCAPABLE);
    expect(guest.errno('fd_seek', 1, 0n, 0, 0)).toBe(SPIPE);
    expect(guest.errno('fd_pread', 0, 16, 1, 0n, 24)).toBe(SPIPE);
    expect(guest.errno('fd_close', 1)).toBe(0);
    expect(write(guest, 1, 'out')).toBe(BADF);
  });

  it('takes no more than a program may write', () => {
    const guest = openTestGuest();
    expect(write(guest, 1, 'x'.repeat(100))).toBe(0);
    expect(write(guest, 1, 'x')).toBe(29);
  });

  it('may do what it was opened for, and never more', () => {
    const root = makeTree();
    putFile(root, 'f', 'text');
    const guest = guestOf(root);
    const fd = open(guest, 'f', READ);
    expect(write(guest, fd, 'x')).toBe(NOTCAPABLE);
    expect(guest.errno('fd_filestat_get', fd, 100)).toBe(NOTCAPABLE);
    expect(guest.errno('fd_fdstat_set_rights', fd, READ | WRITE, 0n)).toBe(NOTCAPABLE);
    expect(guest.errno('fd_fdstat_set_rights', fd, 0n, 0n)).toBe(0);
    expect(guest.errno('fd_read', fd, 16, 0, 24)).toBe(NOTCAPABLE);
    expect(readFile(root, 'f')).toBe('text');
  });

  it('of a directory passes on only what it has', () => {
    const root = makeTree();
    putFile(root, 'f', 'text');
    const guest = guestOf(root);
    expect(guest.errno('fd_fdstat_set_rights', 3, ALL & ((1n << 28n) - 1n) & ~WRITE, READ)).toBe(NOTCAPABLE);
    guest.errno('fd_fdstat_get', 3, 100);
    expect(guest.errno('fd_fdstat_set_rights', 3, guest.view.getBigUint64(108, true), READ)).toBe(0);
    expect(open(guest, 'f', READ | WRITE)).toBe(-NOTCAPABLE);
    const fd = open(guest, 'f', ALL & ~WRITE);
    guest.errno('fd_fdstat_get', fd, 100);
    expect(guest.view.getBigUint64(108, true)).toBe(READ);
  });

  it('of something else is no directory', () => {
    const root = makeTree();
    putFile(root, 'f', '');
    const guest = guestOf(root);
    const fd = open(guest, 'f');
    expect(guest.errno('path_unlink_file', fd, ...guest.put(1000, 'f'))).toBe(NOTDIR);
    expect(guest.errno('fd_readdir', fd, 100, 100, 0n, 0)).toBe(NOTDIR);
    expect(guest.errno('fd_readdir', 1, 100, 100, 0n, 0)).toBe(NOTDIR);
    expect(guest.errno('fd_read', 3, 16, 1, 24)).toBe(31);
  });

  it('changes only those flags that can be changed', () => {
    const root = makeTree();
    const guest = guestOf(root);
    const fd = open(guest, 'f', ALL, CREAT);
    expect(guest.errno('fd_fdstat_set_flags', fd, 5)).toBe(0);
    expect(guest.errno('fd_fdstat_set_flags', fd, 16)).toBe(INVAL);
    guest.errno('fd_fdstat_get', fd, 100);
    expect(guest.view.getUint16(102, true)).toBe(5);
    expect(guest.errno('path_open', 3, 0, ...guest.put(1000, 'f'), 0, READ, 0n, 32, 0)).toBe(INVAL);
    expect(guest.errno('path_open', 3, 2, ...guest.put(1000, 'f'), 0, READ, 0n, 0, 0)).toBe(INVAL);
    expect(guest.errno('path_open', 3, 0, ...guest.put(1000, 'f'), 16, READ, 0n, 0, 0)).toBe(INVAL);
  });

  it('never takes the place of a standard stream that was closed', () => {
    const guest = guestOf(makeTree());
    guest.errno('fd_close', 0);
    expect(open(guest, 'f', ALL, CREAT)).toBe(4);
  });
});

describe('a tree that may not change', () => {
  it('is read, and every change is rofs', () => {
    const root = makeRoot(
      new Volume({ device: 1n, writable: false, limits: { bytes: 9, entries: 9 }, now: countingClock() }),
    );
    const guest = guestOf(root);
    expect(open(guest, 'f', ALL, CREAT)).toBe(-ROFS);
    expect(guest.errno('path_create_directory', 3, ...guest.put(1000, 'd'))).toBe(ROFS);
    expect(guest.errno('fd_filestat_set_times', 3, 0n, 0n, 2)).toBe(ROFS);
    expect(open(guest, '.', ALL & ~WRITE, DIRECTORY)).toBe(4);
  });
});

describe('a listing', () => {
  /** Reads a directory with a buffer of so many bytes; gives all its names. */
  function list(guest: TestGuest, fd: number, bufferBytes: number): readonly string[] {
    const names: string[] = [];
    let cookie = 0n;
    for (let used = bufferBytes; used === bufferBytes; ) {
      expect(guest.errno('fd_readdir', fd, 4096, bufferBytes, cookie, 0)).toBe(0);
      used = guest.view.getUint32(0, true);
      for (let at = 4096; at + 24 <= 4096 + used; ) {
        const length = guest.view.getUint32(at + 16, true);
        if (at + 24 + length > 4096 + used) break;
        cookie = guest.view.getBigUint64(at, true);
        names.push(new TextDecoder().decode(guest.memory.subarray(at + 24, at + 24 + length)));
        at += 24 + length;
      }
    }
    return names;
  }

  it.each([64, 100, 4096])('gives every name once by a buffer of %i bytes', (bufferBytes) => {
    const root = makeTree();
    const made = Array.from({ length: 20 }, (_, i) => `name-${i}`);
    for (const name of made) makeDirectory(root, name);
    expect(list(guestOf(root), 3, bufferBytes)).toEqual(['.', '..', ...made]);
  });
});

describe('standard input', () => {
  it('is read in the pieces that a guest asks for, and then is at its end', () => {
    const guest = openTestGuest({ stdin: 'abcdef' });
    guest.view.setUint32(16, 100, true);
    guest.view.setUint32(20, 2, true);
    guest.view.setUint32(24, 200, true);
    guest.view.setUint32(28, 3, true);
    expect(guest.errno('fd_read', 0, 16, 2, 0)).toBe(0);
    expect(guest.view.getUint32(0, true)).toBe(5);
    expect(new TextDecoder().decode(guest.memory.subarray(200, 203))).toBe('cde');
    guest.errno('fd_read', 0, 16, 2, 0);
    expect(guest.view.getUint32(0, true)).toBe(1);
    guest.errno('fd_read', 0, 16, 2, 0);
    expect(guest.view.getUint32(0, true)).toBe(0);
  });
});
