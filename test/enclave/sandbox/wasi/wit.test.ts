import { describe, expect, it } from 'vitest';
import { INTERFACES, SIGNATURES } from '../../../../src/enclave/sandbox/wasi/host.ts';
import { openWit } from '../../../../src/enclave/sandbox/wasi/wit/open-wit.ts';

describe('the descriptions of the interfaces', () => {
  it('can all be read, and those with functions are the ones that the host has', () => {
    const withFunctions = SIGNATURES.names.filter((name) => (SIGNATURES.functionsOf(name)?.size ?? 0) > 0);
    expect(SIGNATURES.names).toHaveLength(52);
    expect(withFunctions.filter((name) => !Object.hasOwn(INTERFACES, name))).toEqual([]);
  });

  const WIT = `
interface a:b/made { use a:b/used.{thing}; take: func(it: thing); }
interface a:b/used { variant thing { one, two(string) } }`;

  it.each(['a:b/used', 'a:b/made'])('are read in any order, beginning with %s', (first) => {
    const wit = openWit(WIT);
    wit.functionsOf(first);
    expect(wit.names).toEqual(['a:b/made', 'a:b/used']);
    expect(
      wit
        .functionsOf('a:b/made')
        ?.get('take')
        ?.params.map(([name, type]) => [name, type.kind]),
    ).toEqual([['it', 'variant']]);
    expect(wit.functionsOf('a:b/made')).toBe(wit.functionsOf('a:b/made'));
  });

  it('are asked for by their whole names', () => {
    expect(openWit(WIT).functionsOf('a:b')).toBeUndefined();
    expect(openWit(WIT).functionsOf('toString')).toBeUndefined();
  });

  it.each([
    ['what no other interface has', 'interface a:b/c { use a:b/d.{e}; }', 'the WIT has no a:b/d.e'],
    ['more than one on a line', 'interface a:b/c { } interface a:b/d { }', 'the WIT goes on after a:b/c'],
  ])('are refused with %s', (_what, text, why) => {
    expect(() => openWit(text).functionsOf('a:b/c')).toThrow(why);
  });
});
