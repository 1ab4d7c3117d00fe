import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { loadOrder } from '../../src/image/kernel-modules.ts';
import { codeOf } from './codes.ts';

/** Makes modules that depend on others, by name. */
function modules(depends: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(
    Object.entries(depends).map(([name, list]) => [name, encodeUtf8(`\0license=GPL\0depends=${list}\0name=x\0`)]),
  );
}

describe('the order of modules', () => {
  it('has each after those that it needs, which write their names with underscores', () => {
    const order = loadOrder(
      modules({ 'virtio-net': 'net_failover', 'net-failover': 'failover', failover: '', ena: '' }),
    );
    expect(order).toEqual(['failover', 'net-failover', 'virtio-net', 'ena']);
  });

  it('stays as it is where nothing depends on anything', () => {
    expect(loadOrder(modules({ c: '', a: '', b: '' }))).toEqual(['c', 'a', 'b']);
  });

  it('does not exist when one is missing, they need each other, or one does not say', async () => {
    expect(loadOrder(modules({ a: 'b', b: '' }))).toEqual(['b', 'a']);
    expect(await codeOf(() => loadOrder(modules({ a: 'b' })))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(await codeOf(() => loadOrder(modules({ a: 'b', b: 'a' })))).toBe('ERR_CONFIGURATION_IMAGE');
    expect(await codeOf(() => loadOrder(new Map([['a', encodeUtf8('license=GPL')]])))).toBe('ERR_CONFIGURATION_IMAGE');
  });
});
