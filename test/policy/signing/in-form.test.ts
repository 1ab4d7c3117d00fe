/** What is made of an error that a reader of JSON throws: what is wrong with the JSON is refused, anything else is passed on. */
import { describe, expect, it } from 'vitest';
import { integer } from '../../../src/attestation/json-reader.ts';
import { ConfigurationError, PolicyError } from '../../../src/errors.ts';
import { readInForm } from '../../../src/policy/signing/in-form.ts';

const errorOf = (read: () => unknown): unknown => {
  try {
    return readInForm('it does not count', read);
  } catch (error) {
    return error;
  }
};

describe('JSON of owners and workers', () => {
  it('in form is its value', () => {
    expect(readInForm('it does not count', () => integer(1, 3)(2, 'x'))).toBe(2);
  });

  it('that is not in form is refused, with what the reader said as the cause', () => {
    const error = errorOf(() => integer(1, 3)(4, 'x'));
    expect(error).toBeInstanceOf(PolicyError);
    expect(error).toMatchObject({ code: 'ERR_POLICY_STATEMENT' });
    expect((error as PolicyError).cause).toBeInstanceOf(ConfigurationError);
  });

  it.each([new RangeError('too deep'), new PolicyError('ERR_POLICY_SIGNATURE', 'no key')])(
    'does not hide another error: %s',
    (other) => {
      expect(
        errorOf(() => {
          throw other;
        }),
      ).toBe(other);
    },
  );
});
