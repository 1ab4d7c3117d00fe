/**
 * Any calls of the asynchronous built-ins, with any numbers as handles, pointers and counts: each ends as a value or as the end of its guest, and
 * nothing but the guest's own memory changes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GivenFuture, GivenStream } from '../../../../src/enclave/sandbox/component/async/host-end.ts';
import { BUILTIN_NAMES, hasResult, openAsyncGuest, paramsOf } from './async-guest.ts';

/** What may stand for a handle, a place or a count; the small ones are handles that there are. */
const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom(100, 104, 256, 65_528, 65_535, 65_536) },
  { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
);
/** Those that wait in place could wait for ever. */
const CALLED = BUILTIN_NAMES.filter((name) => !['set-wait', 'stream-read-sync', 'yield', 'return-64'].includes(name));
const HOST_CALLS = ['(drop (call $give))', '(drop (call $give-future))', '(drop (call $wait (i32.const 100)))'];

const builtinCall = fc
  .constantFrom(...CALLED)
  .chain((name) => fc.tuple(fc.constant(name), fc.array(number, { minLength: 3, maxLength: 3 })))
  .map(([name, numbers]) => {
    const args = paramsOf(name).map((type, i) => `(${type}.const ${numbers[i] ?? 0})`);
    const call = `(call $${name} ${args.join(' ')})`;
    return hasResult(name) ? `(drop ${call})` : call;
  });
const taking = fc
  .tuple(fc.constantFrom('take', 'take-future'), number)
  .map(([name, handle]) => `(call $${name} (i32.const ${handle}))`);
const step = fc.oneof(
  { weight: 8, arbitrary: builtinCall },
  { weight: 1, arbitrary: fc.constantFrom(...HOST_CALLS) },
  { weight: 1, arbitrary: taking },
);

const FUNCTIONS = {
  give: () => new GivenStream((writer) => void writer.write(Uint8Array.of(1, 2, 3))),
  'give-future': () => new GivenFuture(Promise.resolve(9)),
  wait: () => Promise.resolve(3),
};

describe('any calls of the built-ins', () => {
  it('end as values or as the end of their guest', async () => {
    const begun = ['(drop (call $stream-new))', '(drop (call $future-new))', '(drop (call $set-new))'];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const run = `${[...begun, ...steps].join(' ')} (call $return (i32.const 7)) (i32.const 0)`;
        const guest = await openAsyncGuest({ run }, FUNCTIONS);
        const outcome = await guest.call('run').catch((e: unknown) => e);
        // A fault of the host's own would be a TypeError.
        expect(outcome).not.toBeInstanceOf(TypeError);
        if (!(outcome instanceof Error)) expect(outcome).toBe(7);
        guest.instance.close(false);
        await new Promise(setImmediate);
      }),
      { numRuns: 150 },
    );
  });
});
