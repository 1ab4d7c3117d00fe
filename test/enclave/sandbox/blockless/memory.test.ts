/** blockless_memory: the query's body and what is said of it, as far as there is room. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../../src/base/bytes.ts';
import { openBlocklessMemory } from '../../../../src/enclave/sandbox/blockless/memory.ts';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';
import { Preview1Memory } from '../../../../src/enclave/sandbox/wasi/preview1-memory.ts';

const PAGE = 65_536;
const QUERY = [
  ['REQUEST_METHOD', 'POST'],
  ['PATH_INFO', '/a"b'],
  ['QUERY_STRING', 'c=d'],
  ['CONTENT_TYPE', 'text/plain'],
] as const;

function openGuest(stdin: Uint8Array, env: Parameters<typeof openBlocklessMemory>[0]['env'] = QUERY) {
  const memory = new ENGINE.Memory({ initial: 1 });
  const bound = new Preview1Memory();
  bound.bind(memory);
  const guest = openBlocklessMemory({ env, stdin }, bound);
  const read = (name: 'memory_read' | 'env_var_read', length: number, at = 100, countAt = 16): string | number => {
    const error = guest[name](at, length, countAt);
    const count = new DataView(memory.buffer).getUint32(16, true);
    return error === 0 ? Buffer.from(memory.buffer, at, count).toString() : error;
  };
  return read;
}

describe('what a guest reads', () => {
  it('is the body from its beginning, as far as there is room', () => {
    const read = openGuest(encodeUtf8('hello'));
    expect([read('memory_read', 100), read('memory_read', 3), read('memory_read', 100)]).toEqual([
      'hello',
      'hel',
      'hello',
    ]);
    expect(openGuest(new Uint8Array(0))('memory_read', 100)).toBe('');
  });

  it('is the query as JSON, with the body where there is room for it', () => {
    const read = openGuest(encodeUtf8('hello "you"'));
    const query = { BLS_REQUEST_METHOD: 'POST', BLS_REQUEST_PATH: '/a"b', BLS_REQUEST_QUERY: 'c=d' };
    const whole = { ...query, BLS_REQUEST_BODY: 'hello "you"' };
    expect(JSON.parse(String(read('env_var_read', 2048)))).toEqual(whole);
    expect(JSON.parse(String(read('env_var_read', JSON.stringify(whole).length)))).toEqual(whole);
    expect(JSON.parse(String(read('env_var_read', JSON.stringify(whole).length - 1)))).toEqual(query);
    expect(JSON.parse(String(openGuest(Uint8Array.of(0xff))('env_var_read', 2048)))).toEqual(query);
  });

  it('is nothing where there is no query', () => {
    expect(openGuest(encodeUtf8('x'), [['SECRET', 'y']])('env_var_read', 2048)).toBe('{}');
  });

  it('is an error number for no room, and for pointers outside of the memory', () => {
    const read = openGuest(encodeUtf8('hello'));
    for (const name of ['memory_read', 'env_var_read'] as const) {
      expect(read(name, 0)).toBe(3);
      expect(read(name, 10, PAGE - 9)).toBe(2);
      expect(read(name, -1)).toBe(2);
      expect(read(name, 10, -1)).toBe(2);
      expect(read(name, 10, 100, PAGE - 3)).toBe(2);
      expect(read(name, 10, PAGE - 10)).not.toBe(2);
    }
  });
});
