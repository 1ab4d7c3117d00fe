import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PolicyError } from '../../../src/errors.ts';
import { formatHeldItems, type HeldItems, readHeldItems } from '../../../src/policy/signing/held-items.ts';

const HELD: HeldItems = {
  'hospital-a': { data: { patients: 'held', rows: 'missing' }, secrets: { token: 'withheld' } },
  'hospital-b': null,
};

describe('what a worker holds', () => {
  it('is read as it was written', () => {
    expect(readHeldItems(formatHeldItems(HELD))).toEqual(HELD);
  });

  it.each([
    ['another state', (text: string) => text.replace('withheld', 'stolen')],
    ['another format', (text: string) => text.replace('held/1', 'held/2')],
    ['more than is known', (text: string) => text.replace('"secrets"', '"more":{},"secrets"')],
    ['a text for an owner', (text: string) => text.replace('null', '"x"')],
    ['a part of it', (text: string) => text.slice(0, -3)],
  ])('is refused with %s', (_, change) => {
    expect(() => readHeldItems(change(formatHeldItems(HELD)))).toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_STATEMENT' }),
    );
  });

  it('of any text is a value or a refusal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          readHeldItems(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyError);
        }
      }),
    );
  });
});
