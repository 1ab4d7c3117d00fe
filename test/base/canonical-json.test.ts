import { describe, expect, it } from 'vitest';
import { encodeCanonicalJson } from '../../src/base/canonical-json.ts';

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 units and writes no white space', () => {
    const value = { '\u20ac': 1, '\r': 2, '1': 3, '\ud83d\ude00': 4, '\u0080': 5, '\u00f6': 6, '\ufb33': 7 };
    expect(encodeCanonicalJson(value)).toBe(
      '{"\\r":2,"1":3,"\u0080":5,"\u00f6":6,"\u20ac":1,"\ud83d\ude00":4,"\ufb33":7}',
    );
  });

  it.each([
    [null, 'null'],
    [true, 'true'],
    [1e21, '1e+21'],
    [0.000001, '0.000001'],
    [-0, '0'],
    [[3, [], {}], '[3,[],{}]'],
    ['\u000f"\\/', '"\\u000f\\"\\\\/"'],
  ])('writes %j in its one form', (value, text) => {
    expect(encodeCanonicalJson(value)).toBe(text);
  });
});
