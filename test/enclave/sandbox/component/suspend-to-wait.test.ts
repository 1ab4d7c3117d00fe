/** When a guest is suspended by a host function that may have to wait: only when it has to, whatever the function takes and gives. */
import { describe, expect, it } from 'vitest';
import type { CoreFunction } from '../../../../src/enclave/sandbox/component/lower-function.ts';
import { prepareSuspending } from '../../../../src/enclave/sandbox/component/suspend-to-wait.ts';
import { type FunctionType, makeValueType } from '../../../../src/enclave/sandbox/component/value-type.ts';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';

const U32 = makeValueType({ kind: 'u32' });
const U64 = makeValueType({ kind: 'u64' });

function typeOf(params: number, result: FunctionType['result']): FunctionType {
  return { isAsync: false, params: Array.from({ length: params }, (_, i) => [`p${i}`, U32] as const), result };
}

/** Calls an import as a guest's export would, which gives a promise. */
function callAsGuest(type: FunctionType, core: CoreFunction, args: readonly (number | bigint)[]): Promise<unknown> {
  const call = prepareSuspending(type)(core) as (...flat: (number | bigint)[]) => unknown;
  return ENGINE.promising(call)(...args);
}

const SHAPES: readonly (readonly [string, FunctionType, readonly number[], number | bigint | undefined])[] = [
  ['nothing', typeOf(0, null), [], undefined],
  ['a number', typeOf(1, U32), [7], 7],
  ['a long number', typeOf(2, U64), [7, 8], 9n],
  ['a value that goes through memory', typeOf(2, makeValueType({ kind: 'string' })), [7, 8, 1024], undefined],
  ['as many parameters as go flat', typeOf(16, U32), Array.from({ length: 16 }, (_, i) => i), 1],
  ['more parameters than go flat', typeOf(17, U32), [4096], 1],
];

describe('a host function that may have to wait', () => {
  it.each(SHAPES)('gives %s at once where it can, and the guest is not suspended', (_, type, args, result) => {
    const seen: unknown[] = [];
    const call = prepareSuspending(type)((...flat) => {
      seen.push(...flat);
      return result;
    }) as (...flat: number[]) => unknown;
    // Called without a stack that could be suspended: a wait would be an error of the engine.
    expect(call(...args)).toBe(result);
    expect(seen).toEqual(args);
  });

  it.each(SHAPES)('gives %s later where it must, and the guest waits', async (_, type, args, result) => {
    const later = Promise.withResolvers<number | bigint | undefined>();
    const answer = callAsGuest(type, () => later.promise, args);
    const order: string[] = [];
    const over = answer.then(() => order.push('guest'));
    await Promise.resolve();
    order.push('host');
    later.resolve(result);
    await over;
    expect(order).toEqual(['host', 'guest']);
    expect(await answer).toBe(result);
  });

  it('ends the guest with what the function throws, at once or later', async () => {
    const fail = (): never => {
      throw new RangeError('no');
    };
    await expect(callAsGuest(typeOf(0, null), fail, [])).rejects.toThrow(RangeError);
    await expect(callAsGuest(typeOf(0, null), async () => fail(), [])).rejects.toThrow(RangeError);
  });
});
